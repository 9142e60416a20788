/**
 * Which of a sender's counters were taken, for the newest ones; an older counter than those counts as taken (as RFC 4303, 3.4.3). One
 * connection delivers in order, so more than some thousands are never under way at once.
 */
export class ReplayWindow {
  static readonly size = 8_192;
  readonly #bits = new Uint32Array(ReplayWindow.size / 32);
  #newest = -1;

  /** False where the counter was taken before. */
  take(counter: number): boolean {
    if (counter <= this.#newest - ReplayWindow.size) return false;
    if (counter > this.#newest) this.#moveTo(counter);
    const [word, bit] = this.#placeOf(counter);
    if (((this.#bits[word] as number) & bit) !== 0) return false;
    this.#bits[word] = (this.#bits[word] as number) | bit;
    return true;
  }

  #moveTo(counter: number): void {
    if (counter - this.#newest >= ReplayWindow.size) this.#bits.fill(0);
    else for (let passed = this.#newest + 1; passed <= counter; passed += 1) this.#forget(passed);
    this.#newest = counter;
  }

  #forget(counter: number): void {
    const [word, bit] = this.#placeOf(counter);
    this.#bits[word] = (this.#bits[word] as number) & ~bit;
  }

  #placeOf(counter: number): readonly [number, number] {
    const place = counter % ReplayWindow.size;
    return [place >>> 5, 1 << (place & 31)];
  }
}
