import { headers, type Msg, type MsgHdrs } from "@nats-io/transport-node";
import type { Distrust } from "../keys/authenticator.ts";
import { type EncryptedMessages, isEncrypted, type MessageKind } from "./encrypted-messages.ts";
import { type Headers, noHeaders, type Reply } from "./rpc.ts";
import { signHeader } from "./signs.ts";

/** What came to the address of an answer. `nothing`: it is not trusted, and whoever waits goes on waiting. */
export type Incoming =
  | { readonly what: "sign" | "unserved" | "nothing"; readonly number: string }
  | { readonly what: "reply"; readonly number: string; readonly reply: Reply };

/** A request as it was taken, and the way back to whoever asked. */
export interface Taken {
  readonly body: Uint8Array;
  readonly isAuthentic: boolean;
  sign(): void;
  answer(reply: Reply): void;
}

interface Options {
  readonly messages: EncryptedMessages;
  distrusted(kind: MessageKind, why: Distrust): void;
}

/** The status of the server's word that nobody serves a subject, in a message without a body. */
const noResponders = 503;
const nothing = new Uint8Array();

/** Requests, replies, signs of life and news as they travel over NATS. */
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

  tell(subject: string): Buffer {
    return this.#messages.encrypt("tell", subject, nothing);
  }

  isTold(message: Msg): boolean {
    return this.#open("tell", message.subject, message) !== undefined;
  }

  /** Undefined for a request that is encrypted and not trusted: it has no answer. */
  take(message: Msg): Taken | undefined {
    if (!isEncrypted(message.data)) return takenInClear(message);
    const reply = message.reply ?? "";
    const opened = this.#open("request", `${message.subject}\n${reply}`, message);
    if (opened === undefined) return undefined;
    const { body, key } = opened;
    const signed = toNats({ [signHeader]: "working" });
    return {
      body,
      isAuthentic: true,
      sign: () => void message.respond(this.#messages.encrypt("sign", reply, nothing, key), { headers: signed }),
      answer: (given) => void message.respond(this.#messages.encrypt("reply", reply, packed(given), key)),
    };
  }

  /** Reads what came to an address of an answer. */
  read(message: Msg): Incoming {
    const number = message.subject.slice(message.subject.lastIndexOf(".") + 1);
    const { headers: given } = message;
    // The server's own word has no code. Whoever forges it makes the call be sent again, under the same id: it is done once all the same.
    if (given?.code === noResponders && message.data.length === 0) return { what: "unserved", number };
    const kind = given?.has(signHeader) ? "sign" : "reply";
    const opened = this.#open(kind, message.subject, message);
    if (opened === undefined) return { what: "nothing", number };
    return kind === "sign" ? { what: "sign", number } : { what: "reply", number, reply: unpacked(opened.body) };
  }

  #open(kind: MessageKind, about: string, { data }: Msg) {
    const opened = this.#messages.decrypt(kind, about, data);
    if (typeof opened !== "string") return opened;
    this.#distrusted(kind, opened);
    return undefined;
  }
}

/** A call of somebody who speaks JSON over NATS, answered the same way. */
const takenInClear = (message: Msg): Taken => ({
  body: message.data,
  isAuthentic: false,
  sign: () => void message.respond(undefined, { headers: toNats({ [signHeader]: "working" }) }),
  answer: ({ body, headers: given }) => void message.respond(body, given === noHeaders ? undefined : { headers: toNats(given) }),
});

/** Headers are encrypted with the body: their length in two bytes, their JSON, the body. */
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
