import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Distrust } from "../keys/authenticator.ts";
import type { DerivedKey } from "../keys/keys.ts";
import { ReplayWindow } from "./replay-window.ts";

/**
 * The kind of a message. It is authenticated, so no message passes for one of another kind. `tell` is a notification: the name is part of
 * what older releases authenticate.
 */
export type MessageKind = "request" | "reply" | "sign" | "tell";

/** A message that a process of this installation has sent. */
export interface Decrypted {
  readonly body: Buffer;
  /** The name of its key. The answer is encrypted under the same key, which the sender certainly has. */
  readonly key: string;
}

/** Encrypts and authenticates messages between processes. `about` binds a message to its subject and its reply subject. */
export interface EncryptedMessages {
  /** `key` names the key to use; the current one by default. */
  encrypt(kind: MessageKind, about: string, body: Uint8Array, key?: string): Buffer;
  /** Returns the reason if the message is of another kind or subject, expired, replayed, or not from this installation. */
  decrypt(kind: MessageKind, about: string, message: Uint8Array): Decrypted | Distrust;
}

/** Version of the layout below. */
const format = 1;
const nameBytes = 6;
const senderBytes = 16;
const numberBytes = 6;
const tagBytes = 16;
const keyBytes = 32;
const at = { name: 1, sender: 1 + nameBytes, counter: 1 + nameBytes + senderBytes, time: 1 + nameBytes + senderBytes + numberBytes };
const headBytes = at.time + numberBytes;
const overheadBytes = headBytes + tagBytes;

/** How old a request may be. Clocks may differ by half of it; the replay windows reject repetitions within it. */
const ageMsMax = 60_000;
/** More senders than an installation has processes, including those that ended within the time above. */
const sendersMax = 1_000;

const quote = 0x22;
/** An encrypted message is one JSON string; a plaintext request of another program is a JSON object. */
export const isEncrypted = (message: Uint8Array): boolean => message[0] === quote;

interface Sender {
  readonly key: Buffer;
  readonly window: ReplayWindow;
}

/**
 * AES-256-GCM. Each process encrypts under keys of its own, derived from the shared ones and a random sender id (HKDF-SHA-256),
 * and counts its messages, so a nonce never repeats under a key. Layout: format, name of the key, sender, counter,
 * time in milliseconds, tag, ciphertext. Everything before the tag, the kind and `about` are authenticated. It is sent as a JSON string of
 * base64url, because monitoring tools treat payloads as text.
 */
export function encryptedMessages(keys: readonly DerivedKey[], now: () => number = Date.now): EncryptedMessages {
  const [current] = keys;
  if (current === undefined) throw new Error("messages between processes need a key");
  const shared = new Map(keys.map(({ name, key }) => [name, key]));
  const self = randomBytes(senderBytes);
  const own = new Map(keys.map(({ name, key }) => [name, senderKey(key, self)]));
  const senders = new LRUCache<string, Sender>({ max: sendersMax });
  let counter = 0;
  return {
    encrypt(kind, about, body, key = current.name) {
      counter += 1;
      const head = Buffer.allocUnsafe(headBytes);
      head[0] = format;
      head.write(key, at.name, nameBytes, "base64url");
      self.copy(head, at.sender);
      head.writeUIntBE(counter, at.counter, numberBytes);
      head.writeUIntBE(now(), at.time, numberBytes);
      const cipher = createCipheriv("aes-256-gcm", own.get(key) as Buffer, nonceOf(counter), { authTagLength: tagBytes });
      cipher.setAAD(boundTo(head, kind, about));
      const text = cipher.update(body);
      cipher.final();
      return Buffer.from(`"${Buffer.concat([head, cipher.getAuthTag(), text]).toString("base64url")}"`, "latin1");
    },
    decrypt(kind, about, given) {
      if (!isEncrypted(given)) return "unsigned";
      const written = Buffer.from(given.buffer, given.byteOffset, given.byteLength).toString("latin1");
      const message = Buffer.from(written.slice(1, -1), "base64url");
      if (message.length < overheadBytes || message[0] !== format) return "forged";
      const name = message.toString("base64url", at.name, at.sender);
      const from = shared.get(name);
      if (from === undefined) return "unknown_key";
      const id = message.toString("latin1", at.name, at.counter);
      const known = senders.get(id);
      const sender = known ?? { key: senderKey(from, message.subarray(at.sender, at.counter)), window: new ReplayWindow() };
      const number = message.readUIntBE(at.counter, numberBytes);
      const body = decrypted(message, sender.key, number, kind, about);
      if (body === undefined) return "forged";
      // Replies and signs are bound to their one request; only requests and notifications need replay protection.
      if (kind === "request" || kind === "tell") {
        if (Math.abs(now() - message.readUIntBE(at.time, numberBytes)) > ageMsMax) return "expired";
        if (known === undefined) senders.set(id, sender);
        if (!sender.window.take(number)) return "replayed";
      } else if (known === undefined) senders.set(id, sender);
      return { body, key: name };
    },
  };
}

function decrypted(message: Buffer, key: Buffer, counter: number, kind: MessageKind, about: string): Buffer | undefined {
  const decipher = createDecipheriv("aes-256-gcm", key, nonceOf(counter), { authTagLength: tagBytes });
  decipher.setAAD(boundTo(message.subarray(0, headBytes), kind, about));
  decipher.setAuthTag(message.subarray(headBytes, overheadBytes));
  try {
    const body = decipher.update(message.subarray(overheadBytes));
    decipher.final();
    return body;
  } catch {
    return undefined;
  }
}

const senderKey = (key: Buffer, sender: Buffer): Buffer => Buffer.from(hkdfSync("sha256", key, sender, "messages of a sender", keyBytes));

function nonceOf(counter: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(counter, 12 - numberBytes, numberBytes);
  return nonce;
}

const boundTo = (head: Buffer, kind: MessageKind, about: string): Buffer => Buffer.concat([head, Buffer.from(`${kind}\n${about}`)]);
