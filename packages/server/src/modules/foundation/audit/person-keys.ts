import { createHmac, randomBytes } from "node:crypto";
import { v7 as uuid } from "uuid";
import { aesKeys, masterKeyBytes } from "#platform/keys/aes.ts";
import type { Keys } from "#platform/keys/keys.ts";

/** A data subject: `user:<id>`, `address:<pseudonym>` for an e-mail address, or {@link unknownPerson}. */
export type Person = string;

export const unknownPerson: Person = "nobody";
export const userPerson = (userId: string): Person => `user:${userId}`;

/**
 * The person of an e-mail address: a keyed hash, because a plain hash can be reversed by guessing addresses. The pepper is stored as the
 * key of {@link pepperPerson}, so that it is the same in every process.
 */
export const addressPerson = (email: string, pepper: string): Person =>
  `address:${createHmac("sha256", Buffer.from(pepper, "base64url")).update(email.toLowerCase()).digest("base64url").slice(0, 32)}`;

export interface PersonKeyRow {
  readonly id: string;
  readonly person: Person;
  readonly encrypted_key: string;
}

export const personKeyPurpose = (id: string): string => `audit person key ${id}`;

export function newPersonKey(person: Person, keys: Keys): PersonKeyRow {
  const id = uuid();
  return { id, person, encrypted_key: keys.encrypt(randomBytes(masterKeyBytes).toString("base64url"), personKeyPurpose(id)) };
}

/** Encrypts and decrypts a person's data. The purpose binds the ciphertext to its record. */
export const keysOf = ({ id, encrypted_key }: Pick<PersonKeyRow, "id" | "encrypted_key">, keys: Keys): Keys =>
  aesKeys(Buffer.from(keys.decrypt(encrypted_key, personKeyPurpose(id)), "base64url"));

/** A key that is never stored: its ciphertexts cannot be decrypted. */
export const throwawayKeys = (): Keys => aesKeys(randomBytes(masterKeyBytes));

export const decryptSecret = ({ id, encrypted_key }: Pick<PersonKeyRow, "id" | "encrypted_key">, keys: Keys): string =>
  keys.decrypt(encrypted_key, personKeyPurpose(id));

/** The person of the row whose key is the pepper of {@link addressPerson}. */
export const pepperPerson: Person = "pepper";
