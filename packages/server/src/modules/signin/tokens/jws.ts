import { type KeyObject, sign, verify } from "node:crypto";
import type { Algorithm } from "./model.ts";

/** A private key with the algorithm that it is for. */
export interface SigningKey {
  readonly id: string;
  readonly algorithm: Algorithm;
  readonly key: KeyObject;
}

/** A public key with the algorithm that it is for. A signature by another algorithm is refused (RFC 8725 §3.1). */
export interface VerificationKey {
  readonly algorithm: Algorithm;
  readonly key: KeyObject;
}

const digests: Readonly<Record<Algorithm, string | null>> = { RS256: "sha256", ES256: "sha256", EdDSA: null };

/** Signatures of ECDSA are the concatenation of two integers (RFC 7518 §3.4), not DER. */
const withFormat = (key: KeyObject) => ({ key, dsaEncoding: "ieee-p1363" as const });

/** A compact JWS (RFC 7515 §7.1) of a JSON payload. */
export function signCompact({ id, algorithm, key }: SigningKey, type: string, payload: object): string {
  const input = `${headerOf(id, algorithm, type)}.${encoded(payload)}`;
  return `${input}.${sign(digests[algorithm], Buffer.from(input), withFormat(key)).toString("base64url")}`;
}

/** Headers of the few keys and types in use: encoded once. */
const headers = new Map<string, string>();
const headersMax = 100;

function headerOf(keyId: string, algorithm: Algorithm, type: string): string {
  const cacheKey = `${keyId} ${type}`;
  const known = headers.get(cacheKey);
  if (known !== undefined) return known;
  if (headers.size >= headersMax) headers.clear();
  const header = encoded({ alg: algorithm, typ: type, kid: keyId });
  headers.set(cacheKey, header);
  return header;
}

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Tokens of this product are below 8 KB: 4 KB of permissions, and the other claims. */
const lengthMax = 16_384;

export interface Jws {
  readonly keyId: string;
  readonly type: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/**
 * Verifies a compact JWS of this product; undefined where it is not valid. Stricter than RFC 7515 demands: three canonical base64url parts,
 * a header of exactly `alg`, `typ` and `kid`, so that no other parameter (`jwk`, `jku`, `x5u`, `crit`, `b64`) has an effect, and the algorithm of
 * the key. Costs little where the key is unknown: a caller without a credential cannot make the server verify signatures.
 */
export function verifyCompact(token: string, keyOf: (keyId: string) => VerificationKey | undefined): Jws | undefined {
  if (token.length > lengthMax) return undefined;
  const parts = token.split(".");
  if (parts.length !== 3) return undefined;
  const [encodedHeader, encodedPayload, encodedSignature] = parts as [string, string, string];
  const header = headerIn(encodedHeader);
  const key = header && keyOf(header.kid);
  if (header === undefined || key === undefined || key.algorithm !== header.alg) return undefined;
  const signature = decoded(encodedSignature);
  const input = token.slice(0, token.length - encodedSignature.length - 1);
  if (signature === undefined || !isSignedBy(key, Buffer.from(input), signature)) return undefined;
  const payload = objectIn(encodedPayload);
  return payload && { keyId: header.kid, type: header.typ, payload };
}

/** Whether `signature` is the key's signature of `input`. A malformed signature is not, and throws nothing. */
export function isSignedBy({ algorithm, key }: VerificationKey, input: Buffer, signature: Buffer): boolean {
  try {
    return signature.length > 0 && verify(digests[algorithm], input, withFormat(key), signature);
  } catch {
    return false;
  }
}

function headerIn(part: string): { readonly alg: string; readonly typ: string; readonly kid: string } | undefined {
  const header = objectIn(part);
  if (header === undefined || Object.keys(header).length !== 3) return undefined;
  const { alg, typ, kid } = header;
  return typeof alg === "string" && typeof typ === "string" && typeof kid === "string" ? { alg, typ, kid } : undefined;
}

function objectIn(part: string): Readonly<Record<string, unknown>> | undefined {
  const bytes = decoded(part);
  if (bytes === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Only the canonical form, without padding (RFC 7515 §2): one token has one text. */
function decoded(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, "base64url");
  return bytes.toString("base64url") === part ? bytes : undefined;
}
