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
  const cacheKey = `${keyId} ${algorithm} ${type}`;
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

interface Header {
  readonly alg: string;
  readonly kid: string;
  readonly typ?: string;
}

/** A JWS with a valid signature. */
export interface SignedContent {
  readonly header: Header;
  readonly payload: Buffer;
}

export interface SignedClaims {
  readonly keyId: string;
  readonly type: string | undefined;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** The claims of a JWT with a valid signature (RFC 7519 §7.2); undefined where it is not valid. The claims themselves are not checked. */
export function verifyJwt(token: string, keyOf: (keyId: string) => VerificationKey | undefined): SignedClaims | undefined {
  const content = verifyCompact(token, keyOf);
  const claims = content && objectOf(content.payload);
  return claims && { keyId: content.header.kid, type: content.header.typ, claims };
}

/**
 * Verifies a compact JWS; undefined where it is not valid. Stricter than RFC 7515 demands: three canonical base64url parts, a header of `alg`, `kid`
 * and perhaps `typ`, so that no other parameter (`jwk`, `jku`, `x5u`, `crit`, `b64`) has an effect, and the algorithm of the key. Costs little where
 * the key is unknown: a caller without a credential cannot make the server verify signatures.
 */
export function verifyCompact(token: string, keyOf: (keyId: string) => VerificationKey | undefined): SignedContent | undefined {
  if (token.length > lengthMax) return undefined;
  const parts = token.split(".");
  if (parts.length !== 3) return undefined;
  const [encodedHeader, encodedPayload, encodedSignature] = parts as [string, string, string];
  const header = headerIn(encodedHeader);
  const key = header && keyOf(header.kid);
  if (header === undefined || key === undefined || key.algorithm !== header.alg) return undefined;
  const [payload, signature] = [decoded(encodedPayload), decoded(encodedSignature)];
  if (payload === undefined || signature === undefined) return undefined;
  const input = Buffer.from(token.slice(0, token.length - encodedSignature.length - 1));
  return isSignedBy(key, input, signature) ? { header, payload } : undefined;
}

/** Whether `signature` is the key's signature of `input`. A malformed signature is not, and throws nothing. */
export function isSignedBy({ algorithm, key }: VerificationKey, input: Buffer, signature: Buffer): boolean {
  try {
    return signature.length > 0 && verify(digests[algorithm], input, withFormat(key), signature);
  } catch {
    return false;
  }
}

function headerIn(part: string): Header | undefined {
  const bytes = decoded(part);
  const header = bytes && objectOf(bytes);
  if (header === undefined) return undefined;
  const { alg, kid, typ, ...others } = header;
  const hasOnlyTexts = typeof alg === "string" && typeof kid === "string" && (typ === undefined || typeof typ === "string");
  return hasOnlyTexts && Object.keys(others).length === 0 ? (header as unknown as Header) : undefined;
}

/** A JSON object in UTF-8; undefined for any other bytes. */
function objectOf(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
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
