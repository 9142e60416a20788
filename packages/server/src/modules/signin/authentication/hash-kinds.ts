/** How long a read is trusted: kinds appear with a changed setting or an import, and disappear with sign-ins. */
const keptMs = 60_000;

/** In-process cache of the kinds of password hashes that exist: a wrong password takes the time of each of them. */
export class HashKinds {
  #kinds: readonly string[] = [];
  #readAt: number | undefined;

  async kinds(read: () => Promise<readonly string[]>): Promise<readonly string[]> {
    if (this.#readAt === undefined || performance.now() - this.#readAt > keptMs) {
      this.#kinds = await read();
      this.#readAt = performance.now();
    }
    return this.#kinds;
  }
}
