import { setTimeout as pause } from "node:timers/promises";

const lookEveryMs = 50;

export interface WaitOptions {
  readonly withinMs: number;
  /** Stops waiting when it returns true. */
  readonly unless?: () => boolean;
}

/** Retries until `attempt` succeeds, and throws its last error after `withinMs`. */
export async function eventually<T>(attempt: () => Promise<T> | T, { withinMs, unless }: WaitOptions): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline || unless?.()) throw error;
      await pause(lookEveryMs);
    }
  }
}
