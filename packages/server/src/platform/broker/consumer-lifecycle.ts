import { Loop, type LoopOptions } from "../loop.ts";

export interface LifecycleOptions extends LoopOptions {
  /** Renews what says that this process works, from the start until the loop has ended. Must not reject. */
  readonly heartbeat?: { readonly everyMs: number; beat(): Promise<void> };
}

/**
 * The life of what reads a stream of messages, or publishes one: it runs, and then it is either closed, which settles and gives
 * back what it holds, or abandoned at the end of a grace time, which leaves everything unacknowledged.
 */
export class ConsumerLifecycle {
  readonly #loop: Loop;
  readonly #heartbeat: LifecycleOptions["heartbeat"];
  readonly #ready = Promise.withResolvers<void>();
  readonly #ending = Promise.withResolvers<void>();
  #stage: "running" | "closing" | "abandoned" = "running";

  constructor({ heartbeat, ...loop }: LifecycleOptions) {
    this.#loop = new Loop(loop);
    this.#heartbeat = heartbeat;
  }

  get isRunning(): boolean {
    return this.#stage === "running";
  }

  get isAbandoned(): boolean {
    return this.#stage === "abandoned";
  }

  /** Resolves when messages can come. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Resolves when it no longer runs. */
  get ending(): Promise<void> {
    return this.#ending.promise;
  }

  markReady(): void {
    this.#ready.resolve();
  }

  start(): void {
    this.#loop.start();
    if (this.#heartbeat === undefined) return;
    const { everyMs, beat } = this.#heartbeat;
    const timer = setInterval(() => void beat(), everyMs);
    void this.#loop.ended.then(() => clearInterval(timer));
  }

  wake(): void {
    this.#loop.wake();
  }

  /** Waits; the end of running ends the wait. */
  pause(ms: number): Promise<void> {
    return this.#loop.pause(ms);
  }

  /** Begins to close; returns the end of the run that is under way, or undefined where it no longer ran. */
  close(): { readonly loopEnded: Promise<void> } | undefined {
    if (!this.isRunning) return undefined;
    return { loopEnded: this.#end("closing") };
  }

  /** Also while it closes: what is closing then acknowledges nothing more. */
  abandon(): void {
    void this.#end("abandoned");
  }

  #end(stage: "closing" | "abandoned"): Promise<void> {
    this.#stage = stage;
    this.#ending.resolve();
    return this.#loop.stop();
  }
}
