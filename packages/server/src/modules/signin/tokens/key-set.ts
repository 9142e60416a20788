import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import type { MaybePromise } from "#operation/kernel/maybe-promise.ts";
import { everyTenant } from "#platform/database/database.ts";
import { LeasedCache } from "#platform/log/leased-cache.ts";
import type { Platform } from "#platform/platform.ts";
import { Unavailable } from "#platform/unavailable.ts";
import { SigningKeyRotated } from "./events.ts";
import type { SigningKey, VerificationKey } from "./jws.ts";
import { asJwk, type Jwk, publicJwk, signingKeyPurpose } from "./signing-keys.ts";
import { type SigningKeyRow, tokenStore } from "./store.ts";

/** The signing keys of one moment. */
export interface KeySet {
  /** Every published key: current, next, previous. */
  readonly published: readonly SigningKeyRow[];
  /** The published keys as JSON Web Keys, in the same order. */
  readonly jwks: readonly Jwk[];
  /** The key that signs. Throws where its private key cannot be decrypted, or none exists yet. */
  readonly current: () => SigningKey;
  /** The private keys of this set: the current one, previous ones, and the next one last. */
  readonly privateJwks: () => readonly Jwk[];
  /** The key of an id that is published; undefined for any other. */
  readonly verification: (keyId: string) => VerificationKey | undefined;
}

/** The tag of the one value: a rotation changes it. */
const everyKey = "signing keys";

/** The signing keys in the in-process cache. A revoked key is unknown in every process within the revocation bound. */
export class KeySetCache {
  readonly #platform: Platform;
  readonly #sets: LeasedCache<typeof everyKey, KeySet>;

  constructor(platform: Platform) {
    this.#platform = platform;
    this.#sets = new LeasedCache(platform.log, {
      name: everyKey,
      entriesMax: 1,
      load: () => this.#read(),
      // Read again until a process has created the first keys, and when a previous key has expired.
      isUsable: ({ published }) => published.length > 0 && published.every(({ expires_at }) => !isExpired(expires_at, platform)),
      revokedBy: { [SigningKeyRotated.type]: { fields: ["keyId"], tags: () => [everyKey] } },
    });
  }

  find(): MaybePromise<KeySet> {
    return this.#sets.find(everyKey) as MaybePromise<KeySet>;
  }

  #read(): Promise<KeySet> {
    const now = new Date(this.#platform.clock.now());
    return this.#platform.database.read(everyTenant, async (db) => {
      return keySetOf(await tokenStore.reads(db).publishedKeys(now), (row) => this.#privateKey(row));
    });
  }

  #privateKey({ id, encrypted_private_key }: SigningKeyRow): KeyObject {
    return createPrivateKey(this.#platform.keys.decrypt(encrypted_private_key, signingKeyPurpose(id)));
  }
}

const isExpired = (expiresAt: Date | null, { clock }: Platform): boolean => expiresAt !== null && expiresAt.getTime() <= clock.now();

const stageOrder = { current: 0, next: 1, previous: 2 } as const;

const nextLast = (one: SigningKeyRow, other: SigningKeyRow): number => Number(one.stage === "next") - Number(other.stage === "next");

function keySetOf(rows: readonly SigningKeyRow[], privateKey: (row: SigningKeyRow) => KeyObject): KeySet {
  const published = [...rows].sort((one, other) => stageOrder[one.stage] - stageOrder[other.stage]);
  const verification = new Map<string, VerificationKey>(
    published.map(({ id, algorithm, public_key }) => [id, { algorithm, key: createPublicKey(public_key) }]),
  );
  const [first] = published;
  let signing: SigningKey | undefined;
  return {
    published,
    jwks: published.map(publicJwk),
    current() {
      if (first?.stage !== "current") throw new Unavailable("signing keys", undefined);
      signing ??= { id: first.id, algorithm: first.algorithm, key: privateKey(first) };
      return signing;
    },
    privateJwks: () => [...published].sort(nextLast).map((row) => asJwk(privateKey(row), row.id, row.algorithm)),
    verification: (keyId) => verification.get(keyId),
  };
}
