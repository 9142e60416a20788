import { createHash, hash, randomBytes, randomInt } from "node:crypto";

/** 256 random bits as 43 base64url characters: too many to guess, so a fast hash of them is safe to store (decision 0004). */
export const newSecret = (prefix = ""): string => prefix + randomBytes(32).toString("base64url");

/** The stored form of a secret: its SHA-256 in hex. Secrets are looked up by hash and never compared. */
export const hashSecret = (secret: string): string => hash("sha256", secret, "hex");

/** A pseudonym of a value for keys of limits, so that the value itself is in no memory dump or log. */
export const pseudonym = (value: string): string => createHash("sha256").update(value).digest("base64url").slice(0, 22);

const publicCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** Random letters and digits for the public part of a credential: unique in practice, not secret. */
export const newPublicId = (length: number): string =>
  Array.from({ length }, () => publicCharacters[randomInt(publicCharacters.length)]).join("");
