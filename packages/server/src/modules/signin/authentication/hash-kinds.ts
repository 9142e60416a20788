/** For so long what the database said is taken for true: kinds appear with a changed setting or an import, and go with sign-ins. */
const keptMs = 60_000;

/** Which kinds of password hashes there are, remembered in this process: a wrong password takes the time of each of them. */
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
