import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { v7 as uuid } from "uuid";
import type { Keys } from "#platform/keys/keys.ts";

/** A key as the database stores it. */
export interface SigningKeyRow {
  readonly id: string;
  /** SPKI in PEM. */
  readonly public_key: string;
  readonly encrypted_private_key: string;
}

/** States that record `number` of a chain has this hash. */
export interface Statement {
  readonly kind: "head" | "checkpoint" | "truncation";
  readonly organizationId: string | null;
  readonly number: number;
  readonly hash: string;
}

export interface Signed {
  readonly key_id: string;
  readonly signature: string;
  readonly signed_at: Date;
}

export const signingKeyPurpose = (id: string): string => `audit signing key ${id}`;

/** Generates an Ed25519 key (RFC 8032). The private key is encrypted: access to the database alone does not allow signing. */
export function newSigningKey(keys: Keys): SigningKeyRow {
  const id = uuid();
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const encrypted = keys.encrypt(privateKey.export({ type: "pkcs8", format: "pem" }) as string, signingKeyPurpose(id));
  return { id, public_key: publicKey.export({ type: "spki", format: "pem" }) as string, encrypted_private_key: encrypted };
}

/** Signs with one key. The constructor throws if the private key cannot be decrypted. */
export class Signer {
  readonly keyId: string;
  readonly #private: KeyObject;

  constructor(row: SigningKeyRow, keys: Keys) {
    this.keyId = row.id;
    this.#private = createPrivateKey(keys.decrypt(row.encrypted_private_key, signingKeyPurpose(row.id)));
  }

  /** The public key that is derived from the private key, in PEM. */
  get publicKey(): string {
    return createPublicKey(this.#private).export({ type: "spki", format: "pem" }) as string;
  }

  sign(statement: Statement, at: Date): Signed {
    return this.#signed(textOf(statement, at, this.keyId), at);
  }

  /** Signs the total of chains and records, so that a whole chain cannot be deleted unnoticed. */
  signTotal(total: Total, at: Date): Signed {
    return this.#signed(textOfTotal(total, at, this.keyId), at);
  }

  #signed(text: string, at: Date): Signed {
    return { key_id: this.keyId, signature: sign(null, Buffer.from(text), this.#private).toString("base64url"), signed_at: at };
  }
}

export interface Total {
  readonly chains: number;
  readonly records: number;
  readonly transaction: string;
  readonly sequence: string;
}

const textOf = ({ kind, organizationId, number, hash }: Statement, at: Date, keyId: string): string =>
  JSON.stringify(["gatehouse.audit.statement.v1", kind, organizationId ?? "internal", number, hash, at.toISOString(), keyId]);

const textOfTotal = ({ chains, records, transaction, sequence }: Total, at: Date, keyId: string): string =>
  JSON.stringify(["gatehouse.audit.total.v1", chains, records, transaction, sequence, at.toISOString(), keyId]);

export const isSigned = (statement: Statement, { key_id, signature, signed_at }: Signed, publicKey: string): boolean =>
  verified(textOf(statement, signed_at, key_id), signature, publicKey);

export const isTotalSigned = (total: Total, { key_id, signature, signed_at }: Signed, publicKey: string): boolean =>
  verified(textOfTotal(total, signed_at, key_id), signature, publicKey);

const verified = (text: string, signature: string, publicKey: string): boolean =>
  verify(null, Buffer.from(text), createPublicKey(publicKey), Buffer.from(signature, "base64url"));

/** A public key as a JSON Web Key (RFC 8037). */
export const publicJwk = ({ id, public_key }: Pick<SigningKeyRow, "id" | "public_key">) => {
  const { x } = createPublicKey(public_key).export({ format: "jwk" });
  return { kty: "OKP" as const, crv: "Ed25519" as const, x: x as string, kid: id, use: "sig" as const, alg: "EdDSA" as const };
};
