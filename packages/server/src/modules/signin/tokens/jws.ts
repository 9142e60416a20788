import { type KeyObject, sign, verify } from "node:crypto";
import { promisify } from "node:util";
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

/** Signatures of ECDSA are the concatenation of two integers (RFC 7518 §3.4), not DER. A key without options costs a third less. */
const inFormat = (algorithm: Algorithm, key: KeyObject) => (algorithm === "ES256" ? { key, dsaEncoding: "ieee-p1363" as const } : key);

/** A compact JWS (RFC 7515 §7.1) of a JSON payload. */
export function signCompact({ id, algorithm, key }: SigningKey, type: string, payload: object): string {
  const input = `${headerOf(id, algorithm, type)}.${encoded(payload)}`;
  return `${input}.${sign(digests[algorithm], Buffer.from(input, "latin1"), inFormat(algorithm, key)).toString("base64url")}`;
}

const signInPool = promisify(sign);

/** The same, signed by the thread pool: for many tokens at once, which no transaction waits for. */
export async function signCompactInPool({ id, algorithm, key }: SigningKey, type: string, payload: object): Promise<string> {
  const input = `${headerOf(id, algorithm, type)}.${encoded(payload)}`;
  const signature = await signInPool(digests[algorithm], Buffer.from(input, "latin1"), inFormat(algorithm, key));
  return `${input}.${signature.toString("base64url")}`;
}

/** Headers of the few keys and types in use: encoded once. */
const headers = new Map<string, string>();
const headersMax = 100;
const headerLengthMax = 200;

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
  const headerEnd = token.indexOf(".");
  const payloadEnd = token.indexOf(".", headerEnd + 1);
  if (headerEnd < 0 || payloadEnd < 0) return undefined;
  const header = knownHeaders.of(token.slice(0, headerEnd));
  const key = header && keyOf(header.kid);
  if (header === undefined || key === undefined || key.algorithm !== header.alg) return undefined;
  const payload = decoded(token.slice(headerEnd + 1, payloadEnd));
  const signature = decoded(token.slice(payloadEnd + 1));
  if (payload === undefined || signature === undefined) return undefined;
  // The parts are decoded, so all characters are ASCII.
  const input = Buffer.from(token.slice(0, payloadEnd), "latin1");
  return isSignedBy(key, input, signature) ? { header, payload } : undefined;
}

/** Whether `signature` is the key's signature of `input`. A malformed signature is not, and throws nothing. */
export function isSignedBy({ algorithm, key }: VerificationKey, input: Buffer, signature: Buffer): boolean {
  try {
    return signature.length > 0 && verify(digests[algorithm], input, inFormat(algorithm, key), signature);
  } catch {
    return false;
  }
}

/** Parsed headers by their text: all tokens of a key and type have the same. */
const knownHeaders = {
  parsed: new Map<string, Header>(),
  of(part: string): Header | undefined {
    const known = this.parsed.get(part);
    if (known !== undefined) return known;
    const header = headerIn(part);
    if (header === undefined || part.length > headerLengthMax) return header;
    // Any caller can send a new header.
    if (this.parsed.size >= headersMax) this.parsed.clear();
    this.parsed.set(part, header);
    return header;
  },
};

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

/**
 * The bytes of a part in its only canonical form, without padding (RFC 7515 §2), so that one token has one text. Node skips characters
 * outside of the alphabet, and accepts those of plain base64.
 */
function decoded(part: string): Buffer | undefined {
  if (part.includes("+") || part.includes("/")) return undefined;
  const bytes = Buffer.from(part, "base64url");
  const { length } = part;
  if (bytes.length !== (length * 3) >> 2) return undefined;
  // The unused bits of the last character are zero. A single character would be six bits of a byte.
  return lastCharacters[length % 4]?.includes(part.charAt(length - 1)) ? bytes : undefined;
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/** The possible last characters by the length of a part modulo four. */
const lastCharacters: readonly (string | undefined)[] = [alphabet, undefined, "AQgw", "AEIMQUYcgkosw048"];
