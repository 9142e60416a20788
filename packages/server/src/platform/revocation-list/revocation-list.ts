/**
 * The revocation list port: what has been revoked, for gateways and services outside of this product that verify access tokens by themselves. The
 * product itself does not read it.
 */
export interface RevocationList {
  /** Publishes entries. Repeated entries replace each other. Rejects with Unavailable where the list does not answer. */
  publish(entries: readonly Revocation[]): Promise<void>;
}

/** An entry of the list. It is needed only until the last token that it revokes has expired. */
export interface Revocation {
  readonly key: string;
  readonly value: string;
  readonly ttlSeconds: number;
}

/** Without a shared store there is no one to publish to. */
export const noRevocationList: RevocationList = { publish: async () => {} };
