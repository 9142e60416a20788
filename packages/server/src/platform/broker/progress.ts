/** Which of the messages that were taken in order are settled without a gap: what lies before that need not come again. */
export class Progress<Position> {
  readonly #open: { readonly position: Position; settled: boolean }[] = [];

  /** Notes that a message was taken; call the answer when it is settled. */
  take(position: Position): () => void {
    const entry = { position, settled: false };
    this.#open.push(entry);
    return () => {
      entry.settled = true;
    };
  }

  /** The last position without a gap before it, once; undefined when it has not moved. */
  advance(): Position | undefined {
    let last: Position | undefined;
    while (this.#open[0]?.settled) last = this.#open.shift()?.position;
    return last;
  }

  get size(): number {
    return this.#open.length;
  }
}
