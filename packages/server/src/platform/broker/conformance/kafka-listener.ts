import type { SaslMechanism } from "../../kafka/address.ts";
import { type Account, ScramServer } from "./scram-server.ts";

/** Kafka's API keys and error codes (protocol guide, "API Keys", "Error Codes"). */
const [apiVersions, saslHandshake, saslAuthenticate] = [18, 17, 36];
const [none, unsupportedMechanism, authenticationFailed] = [0, 33, 58];

/** The accounts and mechanisms of a SASL listener. */
export interface ListenerRules {
  readonly mechanism: SaslMechanism;
  readonly account: Account;
}

/** The result of a client's bytes: requests for the cluster, answers for the client, or the end of the connection. */
export interface Admitted {
  readonly forward: readonly Buffer[];
  readonly answers: readonly Buffer[];
  readonly refused: boolean;
}

/**
 * A SASL listener (KIP-43, KIP-152) in front of a cluster without SASL, one per connection. Until the client is authenticated by
 * a valid proof, only its version request is forwarded to the cluster, which Kafka answers for any client.
 */
export class KafkaListener {
  readonly #rules: ListenerRules;
  #waiting = Buffer.alloc(0);
  #scram: ScramServer | undefined;
  #stage: "handshake" | "first" | "final" | "open" = "handshake";

  constructor(rules: ListenerRules) {
    this.#rules = rules;
  }

  /** Takes bytes as received. */
  take(bytes: Buffer): Admitted {
    if (this.#stage === "open") return { forward: [bytes], answers: [], refused: false };
    this.#waiting = Buffer.concat([this.#waiting, bytes]);
    const [forward, answers]: [Buffer[], Buffer[]] = [[], []];
    while (this.#waiting.length >= 4 && this.#waiting.length >= 4 + this.#waiting.readInt32BE(0)) {
      const frame = this.#waiting.subarray(0, 4 + this.#waiting.readInt32BE(0));
      this.#waiting = this.#waiting.subarray(frame.length);
      const request = requestOf(frame);
      if (request.api === apiVersions) forward.push(frame);
      else {
        const answer = this.#answer(request);
        if (answer !== undefined) answers.push(answer.bytes);
        if (answer === undefined || answer.refused) return { forward, answers, refused: true };
      }
      // Bytes after the proof are for the cluster.
      if (this.#isOpen()) {
        forward.push(this.#waiting);
        this.#waiting = Buffer.alloc(0);
      }
    }
    return { forward, answers, refused: false };
  }

  #isOpen(): boolean {
    return this.#stage === "open";
  }

  /** Undefined if the client may not send this request now. */
  #answer(request: Request): { readonly bytes: Buffer; readonly refused: boolean } | undefined {
    if (request.api === saslHandshake && this.#stage === "handshake") {
      const fits = textOf(request.body) === this.#rules.mechanism;
      if (fits) this.#stage = "first";
      const mechanisms = Buffer.concat([int32(1), text(this.#rules.mechanism)]);
      return { bytes: framed(request, [int16(fits ? none : unsupportedMechanism), mechanisms]), refused: !fits };
    }
    if (request.api !== saslAuthenticate || (this.#stage !== "first" && this.#stage !== "final")) return undefined;
    const reply = this.#prove(compactBytes(request.body).toString("utf8"));
    return { bytes: authenticated(request, reply), refused: reply === undefined };
  }

  /** The answer to a step of the mechanism; undefined if the step is invalid. */
  #prove(message: string): string | undefined {
    const { account, mechanism } = this.#rules;
    if (mechanism === "PLAIN") {
      // RFC 4616: authorization identity, name, password.
      const fits = message === ["", account.username, account.password].join("\0");
      if (fits) this.#stage = "open";
      return fits ? "" : undefined;
    }
    if (this.#stage === "first") {
      this.#scram = new ScramServer(mechanism === "SCRAM-SHA-256" ? "sha256" : "sha512", account);
      this.#stage = "final";
      return this.#scram.first(message);
    }
    const proof = this.#scram?.final(message);
    if (proof !== undefined) this.#stage = "open";
    return proof;
  }
}

interface Request {
  readonly api: number;
  readonly version: number;
  readonly correlation: number;
  readonly body: Buffer;
}

/** A request's header: size, API key, version, correlation id, client id, and for flexible versions (KIP-482) empty tagged fields. */
function requestOf(frame: Buffer): Request {
  const [api, version, correlation] = [frame.readInt16BE(4), frame.readInt16BE(6), frame.readInt32BE(8)];
  const name = Math.max(0, frame.readInt16BE(12));
  const tags = api === saslAuthenticate && version >= 2 ? 1 : 0;
  return { api, version, correlation, body: frame.subarray(14 + name + tags) };
}

const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const text = (value: string): Buffer => Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)]);
const textOf = (bytes: Buffer): string => bytes.subarray(2, 2 + bytes.readInt16BE(0)).toString("utf8");

const framed = ({ correlation }: Request, parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat([int32(correlation), ...parts]);
  return Buffer.concat([int32(body.length), body]);
};

/** SaslAuthenticate, version 2: error, message, bytes, session lifetime (0: unlimited), with tagged fields after header and body. */
function authenticated(request: Request, reply: string | undefined): Buffer {
  const why = reply === undefined ? compact(Buffer.from("Authentication failed")) : varint(0);
  const parts = [int16(reply === undefined ? authenticationFailed : none), why, compact(Buffer.from(reply ?? "")), Buffer.alloc(8)];
  return framed(request, [Buffer.alloc(1), ...parts, Buffer.alloc(1)]);
}

const compact = (bytes: Buffer): Buffer => Buffer.concat([varint(bytes.length + 1), bytes]);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}

function compactBytes(bytes: Buffer): Buffer {
  let [length, at, shift] = [0, 0, 0];
  for (;;) {
    const byte = bytes[at] as number;
    length |= (byte & 0x7f) << shift;
    at += 1;
    shift += 7;
    if (byte < 0x80) return bytes.subarray(at, at + length - 1);
  }
}
