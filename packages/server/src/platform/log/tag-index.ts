/**
 * The keys that have a tag. Most tags belong to one key, which is stored without a set: of 200,000 sessions, nearly every
 * user has one.
 */
export class TagIndex<Key extends string> {
  readonly #keys = new Map<string, Key | Set<Key>>();

  add(tag: string, key: Key): void {
    const known = this.#keys.get(tag);
    if (known === undefined || known === key) this.#keys.set(tag, key);
    else if (known instanceof Set) known.add(key);
    else this.#keys.set(tag, new Set([known as Key, key]));
  }

  delete(tag: string, key: Key): void {
    const known = this.#keys.get(tag);
    if (known === key) this.#keys.delete(tag);
    if (known instanceof Set && known.delete(key) && known.size === 0) this.#keys.delete(tag);
  }

  /** A copy: the caller may remove what it iterates over. */
  keysOf(tag: string): readonly Key[] {
    const known = this.#keys.get(tag);
    if (known === undefined) return [];
    return known instanceof Set ? [...known] : [known];
  }

  get size(): number {
    return this.#keys.size;
  }
}
