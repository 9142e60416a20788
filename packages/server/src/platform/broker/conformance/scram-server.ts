import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";

export interface Account {
  readonly username: string;
  readonly password: string;
}

/** Kafka's default and RFC 7677's minimum. */
const iterationsDefault = 4_096;

/**
 * The server side of SCRAM (RFC 5802 §3, RFC 7677), like a cluster's: it never receives the password, and accepts a
 * proof only if it yields the stored key.
 */
export class ScramServer {
  readonly #hash: "sha256" | "sha512";
  readonly #account: Account;
  readonly #salt: Buffer;
  readonly #nonce: string;
  #clientFirstBare = "";
  #serverFirst = "";

  /** `salt` and `nonce` are random by default. */
  constructor(
    hash: "sha256" | "sha512",
    account: Account,
    { salt = randomBytes(16), nonce = randomBytes(18).toString("base64") }: { readonly salt?: Buffer; readonly nonce?: string } = {},
  ) {
    this.#hash = hash;
    this.#account = account;
    this.#salt = salt;
    this.#nonce = nonce;
  }

  /** Answers `n,,n=user,r=nonce`; undefined for another user, or an invalid message. */
  first(message: string): string | undefined {
    const match = /^n,,(n=([^,]*),r=([^,]+))$/.exec(message);
    if (match?.[2]?.replaceAll("=2C", ",").replaceAll("=3D", "=") !== this.#account.username) return undefined;
    this.#clientFirstBare = match[1] as string;
    this.#serverFirst = `r=${match[3]}${this.#nonce},s=${this.#salt.toString("base64")},i=${iterationsDefault}`;
    return this.#serverFirst;
  }

  /** Answers `c=biws,r=nonce,p=proof` with the server's signature; undefined if the client's proof is invalid. */
  final(message: string): string | undefined {
    const match = /^((c=biws),(r=[^,]+)),p=(.+)$/.exec(message);
    if (match === null || this.#serverFirst === "" || !this.#serverFirst.startsWith(`${match[3]},`)) return undefined;
    const salted = pbkdf2Sync(this.#account.password, this.#salt, iterationsDefault, this.#hash === "sha256" ? 32 : 64, this.#hash);
    const storedKey = createHash(this.#hash).update(this.#hmac(salted, "Client Key")).digest();
    const all = `${this.#clientFirstBare},${this.#serverFirst},${match[1]}`;
    const signature = this.#hmac(storedKey, all);
    const proof = Buffer.from(match[4] as string, "base64");
    if (proof.length !== signature.length) return undefined;
    const clientKey = proof.map((byte, index) => byte ^ (signature[index] as number));
    if (!timingSafeEqual(createHash(this.#hash).update(clientKey).digest(), storedKey)) return undefined;
    return `v=${this.#hmac(this.#hmac(salted, "Server Key"), all).toString("base64")}`;
  }

  #hmac(key: Buffer, text: string): Buffer {
    return createHmac(this.#hash, key).update(text).digest();
  }
}
