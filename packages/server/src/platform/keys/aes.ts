import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Keys } from "./keys.ts";

const format = "g1";
const nonceBytes = 12;
const tagBytes = 16;
export const masterKeyBytes = 32;
const derivedMax = 1_000;

/**
 * AES-256-GCM under a key derived from the master key for each purpose (HKDF-SHA-256, RFC 5869), so that what was
 * sealed for one purpose does not open for another. Text form: `g1.<base64url of nonce, tag, ciphertext>`.
 */
export function aesKeys(masterKey: Buffer): Keys {
  if (masterKey.length !== masterKeyBytes) throw new Error(`a master key has ${masterKeyBytes} bytes, not ${masterKey.length}`);
  // Some purposes name a list and who looks at it: there are more than should be remembered.
  const derived = new LRUCache<string, Buffer>({ max: derivedMax });
  const keyFor = (purpose: string): Buffer => {
    const known = derived.get(purpose);
    if (known) return known;
    const key = Buffer.from(hkdfSync("sha256", masterKey, "gatehouse", purpose, masterKeyBytes));
    derived.set(purpose, key);
    return key;
  };
  return {
    seal(plaintext, purpose) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", keyFor(purpose), nonce, { authTagLength: tagBytes });
      const body = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final()]);
      return `${format}.${Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64url")}`;
    },
    open(sealed, purpose) {
      const bytes = bytesOf(sealed);
      const decipher = createDecipheriv("aes-256-gcm", keyFor(purpose), bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
      decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
      return Buffer.concat([decipher.update(bytes.subarray(nonceBytes + tagBytes)), decipher.final()]).toString("utf8");
    },
  };
}

/** One value has one text: what decodes to the same bytes but is written differently was not sealed here. */
function bytesOf(sealed: string): Buffer {
  const prefix = `${format}.`;
  const body = sealed.slice(prefix.length);
  const bytes = Buffer.from(body, "base64url");
  if (!sealed.startsWith(prefix) || bytes.length < nonceBytes + tagBytes || bytes.toString("base64url") !== body) {
    throw new Error("not a sealed value");
  }
  return bytes;
}
