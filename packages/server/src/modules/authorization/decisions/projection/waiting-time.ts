/** Limits the total time of waiting for other processes. Computation does not count: it is bounded by steps. */
export class WaitingTime {
  #leftMs: number;

  constructor(ms: number) {
    this.#leftMs = ms;
  }

  get isExpired(): boolean {
    return this.#leftMs <= 0;
  }

  async on<T>(wait: () => Promise<T>): Promise<T> {
    const began = performance.now();
    try {
      return await wait();
    } finally {
      this.#leftMs -= performance.now() - began;
    }
  }
}
