import { headers, type Msg, type MsgHdrs } from "@nats-io/transport-node";
import type { Distrust } from "../keys/authenticator.ts";
import { type EncryptedMessages, isEncrypted, type MessageKind } from "./encrypted-messages.ts";
import { type Headers, noHeaders, type Reply } from "./rpc.ts";
import { signHeader } from "./signs.ts";

/** A message to the inbox of an answer. `nothing`: it is not trusted, and the requester continues to wait. */
export type Incoming =
  | { readonly what: "sign" | "unserved" | "nothing"; readonly number: string }
  | { readonly what: "reply"; readonly number: string; readonly reply: Reply };

/** A received request, and how to answer its requester. */
export interface ReceivedRequest {
  readonly body: Uint8Array;
  readonly isAuthentic: boolean;
  sign(): void;
  answer(reply: Reply): void;
}

interface Options {
  readonly messages: EncryptedMessages;
  distrusted(kind: MessageKind, why: Distrust): void;
}

/** The server's status "no responders", in a message without a body. */
const noResponders = 503;
const nothing = new Uint8Array();

/** Requests, replies, signs of life and notifications in their NATS encoding. */
export class NatsMessages {
  readonly #messages: EncryptedMessages;
  readonly #distrusted: Options["distrusted"];

  constructor({ messages, distrusted }: Options) {
    this.#messages = messages;
    this.#distrusted = distrusted;
  }

  request(subject: string, reply: string, body: Uint8Array): Buffer {
    return this.#messages.encrypt("request", `${subject}\n${reply}`, body);
  }

  notification(subject: string): Buffer {
    return this.#messages.encrypt("tell", subject, nothing);
  }

  /** Whether a process of this installation sent it as a notification. */
  isNotification(message: Msg): boolean {
    return this.#open("tell", message.subject, message) !== undefined;
  }

  /** Reads a request; undefined if it is encrypted and not trusted: it is not answered. */
  receive(message: Msg): ReceivedRequest | undefined {
    if (!isEncrypted(message.data)) return plaintextRequest(message);
    const reply = message.reply ?? "";
    const decrypted = this.#open("request", `${message.subject}\n${reply}`, message);
    if (decrypted === undefined) return undefined;
    const { body, key } = decrypted;
    const signed = toNats({ [signHeader]: "working" });
    return {
      body,
      isAuthentic: true,
      sign: () => void message.respond(this.#messages.encrypt("sign", reply, nothing, key), { headers: signed }),
      answer: (given) => void message.respond(this.#messages.encrypt("reply", reply, packed(given), key)),
    };
  }

  /** Reads a message to the inbox of an answer. */
  read(message: Msg): Incoming {
    const number = message.subject.slice(message.subject.lastIndexOf(".") + 1);
    const { headers: given } = message;
    // The server's status carries no authentication code. A forged one causes a retry under the same id, which is executed once.
    if (given?.code === noResponders && message.data.length === 0) return { what: "unserved", number };
    const kind = given?.has(signHeader) ? "sign" : "reply";
    const decrypted = this.#open(kind, message.subject, message);
    if (decrypted === undefined) return { what: "nothing", number };
    return kind === "sign" ? { what: "sign", number } : { what: "reply", number, reply: unpacked(decrypted.body) };
  }

  #open(kind: MessageKind, about: string, { data }: Msg) {
    const decrypted = this.#messages.decrypt(kind, about, data);
    if (typeof decrypted !== "string") return decrypted;
    this.#distrusted(kind, decrypted);
    return undefined;
  }
}

/** A request of another program in plain JSON, answered the same way. */
const plaintextRequest = (message: Msg): ReceivedRequest => ({
  body: message.data,
  isAuthentic: false,
  sign: () => void message.respond(undefined, { headers: toNats({ [signHeader]: "working" }) }),
  answer: ({ body, headers: given }) => void message.respond(body, given === noHeaders ? undefined : { headers: toNats(given) }),
});

/** The plaintext of a reply: the headers' length in two bytes, their JSON, the body. */
function packed({ body, headers: given }: Reply): Buffer {
  const head = given === noHeaders ? nothing : Buffer.from(JSON.stringify(given));
  const length = Buffer.allocUnsafe(2);
  length.writeUInt16BE(head.length);
  return Buffer.concat([length, head, body]);
}

function unpacked(bytes: Buffer): Reply {
  const bodyAt = 2 + bytes.readUInt16BE(0);
  const head = bytes.subarray(2, bodyAt);
  return { headers: head.length === 0 ? noHeaders : (JSON.parse(head.toString("utf8")) as Headers), body: bytes.subarray(bodyAt) };
}

function toNats(given: Headers): MsgHdrs {
  const made = headers();
  for (const [name, value] of Object.entries(given)) made.set(name, value);
  return made;
}
