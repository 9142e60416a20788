import { createPublicKey } from "node:crypto";
import { oneOf, oneOfExtensible, type Static, Type } from "#operation/declaration/schema.ts";
import { hasRocaFingerprint } from "./roca-fingerprint.ts";

/** By key type and curve: the JWS algorithms (RFC 7518 §3.1, RFC 8037 §3.1) that a key verifies. */
const algorithms: Readonly<Record<string, readonly string[]>> = {
  RSA: ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  "P-256": ["ES256"],
  "P-384": ["ES384"],
  "P-521": ["ES512"],
  Ed25519: ["EdDSA", "Ed25519"],
};

const base64url = (maxLength: number) => Type.Optional(Type.String({ pattern: "^[A-Za-z0-9_-]+$", maxLength }));
/** 8,192 bits: longer keys only cost time. */
const modulusLengthMax = 1_366;
/** 32 bits: a verification takes time for each bit of the exponent. */
const exponentLengthMax = 6;
/** A coordinate of P-521 has 66 bytes. */
const coordinateLengthMax = 88;
const keyIdLengthMax = 255;

const keyWith = (enumOf: typeof oneOf) =>
  Type.Object({
    kty: enumOf("RSA", "EC", "OKP"),
    kid: Type.Optional(Type.String({ minLength: 1, maxLength: keyIdLengthMax })),
    use: Type.Optional(enumOf("sig")),
    key_ops: Type.Optional(Type.Array(enumOf("verify"), { minItems: 1, maxItems: 1 })),
    alg: Type.Optional(enumOf(...Object.values(algorithms).flat())),
    n: base64url(modulusLengthMax),
    e: base64url(exponentLengthMax),
    crv: Type.Optional(enumOf("P-256", "P-384", "P-521", "Ed25519")),
    x: base64url(coordinateLengthMax),
    y: base64url(coordinateLengthMax),
  });
/** A public key for signatures (RFC 7517 §4). It has no other members, so no private key can be registered. */
const PublicKey = keyWith(oneOf);
export type PublicKey = Static<typeof PublicKey>;

const keysMax = 10;
/** A JWK set (RFC 7517 §5) of public keys. {@link publicKeyIssue} and {@link hasDuplicateId} check what a schema cannot. */
export const PublicKeySet = Type.Object({ keys: Type.Array(PublicKey, { minItems: 1, maxItems: keysMax }) });
export type PublicKeySet = Static<typeof PublicKeySet>;
/** The set in an answer: other types of keys may be added. */
export const PublicKeySetInAnswer = Type.Object({ keys: Type.Array(keyWith(oneOfExtensible)) });

/** NIST SP 800-131A: shorter keys are too weak. */
const modulusBitsMin = 2_048;
const exponentMin = 65_537n;

/** Why a key cannot be registered; undefined if it can. */
export function publicKeyIssue(jwk: PublicKey): { readonly rule: string; readonly message: string } | undefined {
  const details = detailsOf(jwk);
  if (details === undefined) return { rule: "key", message: "is not a public key for signatures" };
  if (jwk.kty === "RSA") {
    const { modulusLength = 0, publicExponent = 0n } = details;
    if (modulusLength < modulusBitsMin) return { rule: "key_length", message: `has fewer than ${modulusBitsMin} bits` };
    if (publicExponent < exponentMin || publicExponent % 2n === 0n)
      return { rule: "key_exponent", message: `has an exponent below ${exponentMin}, or an even one` };
    if (hasRocaFingerprint(modulusOf(jwk))) return { rule: "key_factors", message: "can be factored (CVE-2017-15361): make another one" };
  }
  if (jwk.alg !== undefined && !algorithms[jwk.crv ?? jwk.kty]?.includes(jwk.alg))
    return { rule: "key_algorithm", message: "has an algorithm of another type of key" };
  return undefined;
}

const modulusOf = ({ n = "" }: PublicKey): bigint => BigInt(`0x${Buffer.from(n, "base64url").toString("hex")}`);

const members: Readonly<Record<PublicKey["kty"], readonly (keyof PublicKey)[]>> = {
  RSA: ["n", "e"],
  EC: ["crv", "x", "y"],
  OKP: ["crv", "x"],
};

/** The parameters of a key; undefined where its members are not those of its type, or are no key. */
function detailsOf(jwk: PublicKey): { readonly modulusLength?: number; readonly publicExponent?: bigint } | undefined {
  const given = (["n", "e", "crv", "x", "y"] as const).filter((member) => jwk[member] !== undefined);
  if (given.join() !== members[jwk.kty].join()) return undefined;
  try {
    return createPublicKey({ key: jwk, format: "jwk" }).asymmetricKeyDetails ?? {};
  } catch {
    return undefined;
  }
}

/** Whether several keys have the same `kid`, or none: a signature would not name one of them. */
export const hasDuplicateId = ({ keys }: PublicKeySet): boolean => new Set(keys.map(({ kid }) => kid)).size < keys.length;
