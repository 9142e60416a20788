/**
 * The cache port. Values are text; each has a version, and a put with a lower version than the one kept is ignored, so
 * a slow reader cannot put back what a writer has already replaced (S3 §20.3).
 */
export interface Cache {
  get(key: string): Promise<Cached | null>;
  /** The values of `keys`, in their order. */
  getMany(keys: readonly string[]): Promise<readonly (Cached | null)[]>;
  put(key: string, value: string, options: { readonly version: bigint; readonly ttlSeconds: number }): Promise<void>;
  delete(keys: readonly string[]): Promise<void>;
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface Cached {
  readonly value: string;
  readonly version: bigint;
}
