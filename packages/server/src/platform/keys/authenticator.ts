import { createHmac, timingSafeEqual } from "node:crypto";
import type { DerivedKey } from "./keys.ts";

/** Why a message is not trusted. `unsigned` is also what a release without authentication wrote. */
export type Distrust = "unsigned" | "unknown_key" | "forged" | "expired" | "replayed";

/** 128 bits cannot be guessed, and add only 31 characters to an entry. */
const codeBytes = 16;

/** Signs data that is stored where others can write, and verifies it. */
export interface Authenticator {
  /** The authentication code of `fields`, without spaces. The same texts in another order or split differently have another code. */
  sign(fields: readonly string[]): string;
  /** Undefined if `code` is the code of `fields` under one of the keys; otherwise why it is not trusted. */
  distrust(fields: readonly string[], code: string | undefined): Distrust | undefined;
}

/**
 * HMAC-SHA-256 (RFC 2104), truncated to 128 bits. The first key signs, all of them verify, so a master key can be rotated while processes
 * run. Text form: `<name of the key>.<base64url of the code>`.
 */
export function authenticator(keys: readonly DerivedKey[]): Authenticator {
  const [current] = keys;
  if (current === undefined) throw new Error("an authenticator needs a key");
  const byName = new Map(keys.map(({ name, key }) => [name, key]));
  return {
    sign: (fields) => `${current.name}.${codeOf(current.key, fields).toString("base64url")}`,
    distrust(fields, code) {
      const [name, text] = code?.split(".") ?? [];
      if (name === undefined || text === undefined) return "unsigned";
      const key = byName.get(name);
      if (key === undefined) return "unknown_key";
      const given = Buffer.from(text, "base64url");
      return given.length === codeBytes && timingSafeEqual(given, codeOf(key, fields)) ? undefined : "forged";
    },
  };
}

/** Each field is prefixed by its length, so that two different lists never give the same text. */
function codeOf(key: Buffer, fields: readonly string[]): Buffer {
  let text = "";
  for (const field of fields) text += `${field.length}:${field}`;
  return createHmac("sha256", key).update(text, "utf8").digest().subarray(0, codeBytes);
}
