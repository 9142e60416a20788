/** The time to live: kinds appear with a changed setting or an import, and disappear with sign-ins. */
const ttlMs = 60_000;

/** In-process cache of the existing kinds of password hashes: a wrong password takes the time of each kind. */
export class HashKinds {
  #kinds: readonly string[] = [];
  #readAt: number | undefined;

  async kinds(read: () => Promise<readonly string[]>): Promise<readonly string[]> {
    if (this.#readAt === undefined || performance.now() - this.#readAt > ttlMs) {
      this.#kinds = await read();
      this.#readAt = performance.now();
    }
    return this.#kinds;
  }
}
