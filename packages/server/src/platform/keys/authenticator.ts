import { createHmac, timingSafeEqual } from "node:crypto";
import type { DerivedKey } from "./keys.ts";

/** Why a message is not trusted. `unsigned` is also what a release without authentication wrote. */
export type Distrust = "unsigned" | "unknown_key" | "forged" | "expired" | "replayed";

/** 128 bits: nobody guesses one, and an entry grows by 31 characters. */
const codeBytes = 16;

/** Signs what lies where others can write, and tells whether it is still what was signed. */
export interface Authenticator {
  /** The code of `parts`, without spaces. The same texts in another order or cut elsewhere have another code. */
  sign(parts: readonly string[]): string;
  /** Undefined where `code` is the code of `parts` under one of the keys. */
  distrust(parts: readonly string[], code: string | undefined): Distrust | undefined;
}

/**
 * HMAC-SHA-256 (RFC 2104), cut to 128 bits. The first key signs, all of them verify: so a master key can be changed while processes
 * run. Text form: `<name of the key>.<base64url of the code>`.
 */
export function authenticator(keys: readonly DerivedKey[]): Authenticator {
  const [current] = keys;
  if (current === undefined) throw new Error("an authenticator needs a key");
  const byName = new Map(keys.map(({ name, key }) => [name, key]));
  return {
    sign: (parts) => `${current.name}.${codeOf(current.key, parts).toString("base64url")}`,
    distrust(parts, code) {
      const [name, text] = code?.split(".") ?? [];
      if (name === undefined || text === undefined) return "unsigned";
      const key = byName.get(name);
      if (key === undefined) return "unknown_key";
      const given = Buffer.from(text, "base64url");
      return given.length === codeBytes && timingSafeEqual(given, codeOf(key, parts)) ? undefined : "forged";
    },
  };
}

/** Each part stands behind its length, so that no two lists of parts give one text. */
function codeOf(key: Buffer, parts: readonly string[]): Buffer {
  let text = "";
  for (const part of parts) text += `${part.length}:${part}`;
  return createHmac("sha256", key).update(text, "utf8").digest().subarray(0, codeBytes);
}
