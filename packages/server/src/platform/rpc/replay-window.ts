/**
 * Which of a sender's newest counters were seen; an older counter counts as seen (as in RFC 4303, 3.4.3). One
 * connection delivers in order, so only a few thousand are in flight at once.
 */
export class ReplayWindow {
  static readonly size = 8_192;
  readonly #bits = new Uint32Array(ReplayWindow.size / 32);
  #newest = -1;

  /** Records a counter. False if it was seen before. */
  take(counter: number): boolean {
    if (counter <= this.#newest - ReplayWindow.size) return false;
    if (counter > this.#newest) this.#moveTo(counter);
    const [word, bit] = this.#bitOf(counter);
    if (((this.#bits[word] as number) & bit) !== 0) return false;
    this.#bits[word] = (this.#bits[word] as number) | bit;
    return true;
  }

  #moveTo(counter: number): void {
    if (counter - this.#newest >= ReplayWindow.size) this.#bits.fill(0);
    else for (let passed = this.#newest + 1; passed <= counter; passed += 1) this.#clear(passed);
    this.#newest = counter;
  }

  #clear(counter: number): void {
    const [word, bit] = this.#bitOf(counter);
    this.#bits[word] = (this.#bits[word] as number) & ~bit;
  }

  #bitOf(counter: number): readonly [number, number] {
    const index = counter % ReplayWindow.size;
    return [index >>> 5, 1 << (index & 31)];
  }
}
