import { createHash, hash, randomBytes, randomInt } from "node:crypto";

/** 256 random bits as 43 base64url characters: too many to guess, so a fast hash of them is safe to keep (decision 0004). */
export const newSecret = (prefix = ""): string => prefix + randomBytes(32).toString("base64url");

/** What is kept of a secret: its SHA-256, in hex. Equal secrets are found by equal hashes; no secret is compared. */
export const hashSecret = (secret: string): string => hash("sha256", secret, "hex");

/** A pseudonym of a value for keys of limits: the value itself stays out of memory dumps and logs. */
export const pseudonym = (value: string): string => createHash("sha256").update(value).digest("base64url").slice(0, 22);

const publicCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** Random letters and digits, for the public part of a credential: unique in practice, and no secret. */
export const newPublicId = (length: number): string =>
  Array.from({ length }, () => publicCharacters[randomInt(publicCharacters.length)]).join("");
