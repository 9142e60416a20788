/**
 * Retains at most `size` items of all groups together. Above it each group has an equal share: a group that adds more replaces only its own
 * items.
 */
export class FairSample<Item> {
  readonly #size: number;
  readonly #groups = new Map<string, Item[]>();
  #count = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** Whether an item of the group would be retained. */
  hasRoom(group: string): boolean {
    if (this.#count < this.#size) return true;
    const own = this.#groups.get(group);
    const share = this.#size / (this.#groups.size + (own === undefined ? 1 : 0));
    return (own?.length ?? 0) + 1 <= share;
  }

  /** Adds an item for which {@link hasRoom} is true. Returns how many others it replaced: none or one. */
  add(group: string, item: Item): number {
    const replaced = this.#count < this.#size ? 0 : this.#dropFromLargest();
    const own = this.#groups.get(group);
    if (own) own.push(item);
    else this.#groups.set(group, [item]);
    this.#count += 1;
    return replaced;
  }

  /** Removes and returns all items. */
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
