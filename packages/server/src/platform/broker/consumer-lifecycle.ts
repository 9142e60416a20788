import { Loop, type LoopOptions } from "../loop.ts";

export interface LifecycleOptions extends LoopOptions {
  /** Renews a lease from the start until the loop has ended. Must not reject. */
  readonly heartbeat?: { readonly everyMs: number; beat(): Promise<void> };
}

/**
 * The lifecycle of a consumer or publisher: it runs until it is either closed, which settles its messages and returns the
 * others, or abandoned at the end of a grace time, which leaves everything unacknowledged.
 */
export class ConsumerLifecycle {
  readonly #loop: Loop;
  readonly #heartbeat: LifecycleOptions["heartbeat"];
  readonly #ready = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<void>();
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

  /** Resolves when messages can be delivered. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Resolves when it no longer runs. */
  get stopped(): Promise<void> {
    return this.#stopped.promise;
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

  /** Waits; closing or abandoning ends the wait. */
  pause(ms: number): Promise<void> {
    return this.#loop.pause(ms);
  }

  /** Begins to close; returns the end of the current run, or undefined if it is not running. */
  close(): { readonly loopEnded: Promise<void> } | undefined {
    if (!this.isRunning) return undefined;
    return { loopEnded: this.#end("closing") };
  }

  /** Also allowed while it closes; then nothing more is acknowledged. */
  abandon(): void {
    void this.#end("abandoned");
  }

  #end(stage: "closing" | "abandoned"): Promise<void> {
    this.#stage = stage;
    this.#stopped.resolve();
    return this.#loop.stop();
  }
}
