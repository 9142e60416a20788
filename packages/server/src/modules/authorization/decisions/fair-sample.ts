/**
 * Keeps at most `size` items of all groups together. Where there are more, each group has an equal share: what one adds without end
 * takes the place of its own, not of others.
 */
export class FairSample<Item> {
  readonly #size: number;
  readonly #groups = new Map<string, Item[]>();
  #count = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** Whether an item of the group would be kept. */
  hasRoom(group: string): boolean {
    if (this.#count < this.#size) return true;
    const own = this.#groups.get(group);
    const share = this.#size / (this.#groups.size + (own === undefined ? 1 : 0));
    return (own?.length ?? 0) + 1 <= share;
  }

  /** Adds an item that there is room for. Returns how many others went for it: none or one. */
  add(group: string, item: Item): number {
    const gone = this.#count < this.#size ? 0 : this.#dropFromLargest();
    const own = this.#groups.get(group);
    if (own) own.push(item);
    else this.#groups.set(group, [item]);
    this.#count += 1;
    return gone;
  }

  /** All items; none are left. */
  take(): readonly Item[] {
    const items = [...this.#groups.values()].flat();
    this.#groups.clear();
    this.#count = 0;
    return items;
  }

  #dropFromLargest(): number {
    let largest: Item[] = [];
    for (const items of this.#groups.values()) if (items.length > largest.length) largest = items;
    largest.pop();
    this.#count -= 1;
    return 1;
  }
}
