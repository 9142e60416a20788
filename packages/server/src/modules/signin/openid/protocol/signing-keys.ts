import { hash } from "node:crypto";
import type { Algorithm, KeySet } from "#modules/signin/tokens/index.ts";

/** The private keys of one moment. The first signs; verifiers know the others from before, or from now on. */
export interface SigningKeySet {
  readonly keys: ReturnType<KeySet["privateJwks"]>;
  /** The algorithm of the key that signs. */
  readonly algorithm: Algorithm;
  /** Changes with the keys. */
  readonly fingerprint: string;
}

const known = new WeakMap<KeySet, SigningKeySet>();

/** The private keys of a key set, for the library. Throws Unavailable where no key signs yet. */
export function signingKeys(set: KeySet): SigningKeySet {
  let signing = known.get(set);
  if (signing === undefined) {
    const ids = set.published.map(({ id, stage }) => `${id} ${stage}`).join();
    signing = { keys: set.privateJwks(), algorithm: set.current().algorithm, fingerprint: hash("sha256", ids, "base64url") };
    known.set(set, signing);
  }
  return signing;
}
