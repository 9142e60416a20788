import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { LRUCache } from "lru-cache";
import { type KeyRing, MasterKeyAbsent, unnamedKey } from "./keys.ts";

/** Values without a key name, from before key rotation existed. They are decrypted, never created. */
const firstFormat = "g1";
const format = "g2";
const nonceBytes = 12;
const tagBytes = 16;
export const masterKeyBytes = 32;
/** 48 bits distinguish the few keys of an installation. They are derived, so they reveal nothing about the key. */
const nameBytes = 6;
const derivedMax = 1_000;

/**
 * AES-256-GCM under a key derived from the master key for each purpose (HKDF-SHA-256, RFC 5869), so that what was
 * encrypted for one purpose does not decrypt for another. Text form: `g2.<name of the key>.<base64url of nonce, tag, ciphertext>`.
 * The prefix is authenticated with the ciphertext, so a value has exactly one text. `others` decrypt and do not encrypt.
 */
export function aesKeys(masterKey: Buffer, others: readonly Buffer[] = []): KeyRing {
  const current = masterKeyName(masterKey);
  const encrypting = derivedFrom(masterKey);
  const older = others.map((key) => [masterKeyName(key), derivedFrom(key)] as const);
  const keys = new Map([...older, [current, encrypting] as const].reverse());
  const checks = new Map([masterKey, ...others].map((key) => [masterKeyName(key), derivedText(key, "check of the key", masterKeyBytes)]));
  return {
    current,
    names: [...keys.keys()],
    encrypt(plaintext, purpose) {
      const nonce = randomBytes(nonceBytes);
      const prefix = `${format}.${current}.`;
      const cipher = createCipheriv("aes-256-gcm", encrypting(purpose), nonce, { authTagLength: tagBytes }).setAAD(Buffer.from(prefix));
      const body = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final()]);
      return prefix + Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64url");
    },
    decrypt(ciphertext, purpose) {
      const { prefix, name, bytes } = parse(ciphertext);
      if (name !== unnamedKey) return decrypted(bytes, (keys.get(name) ?? missing(name))(purpose), prefix);
      let failure: unknown;
      for (const derive of keys.values()) {
        try {
          return decrypted(bytes, derive(purpose));
        } catch (error) {
          failure = error;
        }
      }
      throw failure;
    },
    encryptedBy: (ciphertext) => parse(ciphertext).name,
    checkOf: (name) => checks.get(name),
    derive: (purpose) => [...keys].map(([name, derive]) => ({ name, key: derive(purpose) })),
  };
}

type Derive = (purpose: string) => Buffer;

function derivedFrom(masterKey: Buffer): Derive {
  if (masterKey.length !== masterKeyBytes) throw new Error(`a master key has ${masterKeyBytes} bytes, not ${masterKey.length}`);
  // Some purposes name a list and its viewer, so not all derived keys are cached.
  const derived = new LRUCache<string, Buffer>({ max: derivedMax });
  return (purpose) => {
    const known = derived.get(purpose);
    if (known) return known;
    const key = Buffer.from(hkdfSync("sha256", masterKey, "gatehouse", purpose, masterKeyBytes));
    derived.set(purpose, key);
    return key;
  };
}

/** The name of a master key in the values that it encrypts, and in `gatehouse keys status`. */
export const masterKeyName = (masterKey: Buffer): string => derivedText(masterKey, "name of the key", nameBytes);

const derivedText = (masterKey: Buffer, purpose: string, bytes: number): string =>
  Buffer.from(hkdfSync("sha256", masterKey, "gatehouse", purpose, bytes)).toString("base64url");

function decrypted(bytes: Buffer, key: Buffer, prefix?: string): string {
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
  if (prefix !== undefined) decipher.setAAD(Buffer.from(prefix));
  decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
  return Buffer.concat([decipher.update(bytes.subarray(nonceBytes + tagBytes)), decipher.final()]).toString("utf8");
}

function missing(name: string): never {
  throw new MasterKeyAbsent(name);
}

interface ParsedValue {
  readonly prefix: string;
  readonly name: string;
  readonly bytes: Buffer;
}

/** Rejects a text that decodes to the same bytes but is written differently, so that a value has exactly one text. */
function parse(ciphertext: string): ParsedValue {
  const segments = ciphertext.split(".");
  const body = segments.at(-1) as string;
  const bytes = Buffer.from(body, "base64url");
  const named = segments.length === 3 && segments[0] === format && segments[1] !== "";
  const unnamed = segments.length === 2 && segments[0] === firstFormat;
  if (!(named || unnamed) || bytes.length < nonceBytes + tagBytes || bytes.toString("base64url") !== body) {
    throw new Error("not an encrypted value");
  }
  return { prefix: ciphertext.slice(0, ciphertext.length - body.length), name: named ? (segments[1] as string) : unnamedKey, bytes };
}
