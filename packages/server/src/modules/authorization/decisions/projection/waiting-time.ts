/** How long may be waited for others in all. Own work is not waiting: it is bounded by steps, and pauses. */
export class WaitingTime {
  #leftMs: number;

  constructor(ms: number) {
    this.#leftMs = ms;
  }

  get isOver(): boolean {
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
