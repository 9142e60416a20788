import { createHash, generateKeyPairSync } from "node:crypto";
import type { JWK } from "jose";

/** The private keys of one moment. The first signs; verifiers know the others from before, or from now on. */
export interface SigningKeySet {
  readonly keys: readonly JWK[];
  /** The algorithm of the key that signs. */
  readonly algorithm: "RS256" | "ES256" | "EdDSA";
  /** Changes with the keys. */
  readonly fingerprint: string;
}

export interface SigningKeys {
  find(): Promise<SigningKeySet> | SigningKeySet;
}

/** One key that lives as long as the process. */
export function generatedKeys(): SigningKeys {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const jwk = privateKey.export({ format: "jwk" }) as JWK;
  const kid = createHash("sha256")
    .update(jwk.n as string)
    .digest("base64url")
    .slice(0, 16);
  const set: SigningKeySet = { keys: [{ ...jwk, kid, alg: "RS256", use: "sig" }], algorithm: "RS256", fingerprint: kid };
  return { find: () => set };
}
