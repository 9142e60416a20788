import { setTimeout as pause } from "node:timers/promises";

const lookEveryMs = 50;

export interface WaitOptions {
  readonly withinMs: number;
  /** Ends the waiting where it has become useless. */
  readonly unless?: () => boolean;
}

/** Tries until it succeeds, and throws its last failure when the time is over. */
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
