/** Tracks up to which position messages, taken in order, are settled without a gap: earlier ones need no redelivery. */
export class Progress<Position> {
  readonly #open: { readonly position: Position; settled: boolean }[] = [];

  /** Records that a message was taken; call the returned function when it is settled. */
  take(position: Position): () => void {
    const entry = { position, settled: false };
    this.#open.push(entry);
    return () => {
      entry.settled = true;
    };
  }

  /** The last position without a gap before it; undefined if it has not moved since the last call. */
  advance(): Position | undefined {
    let last: Position | undefined;
    while (this.#open[0]?.settled) last = this.#open.shift()?.position;
    return last;
  }

  get size(): number {
    return this.#open.length;
  }
}
