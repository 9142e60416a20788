import { isUtf8 } from "node:buffer";
import { jsonDepthMax, readJson, UnacceptableJson } from "../json.ts";
import { type Envelope, issueOf } from "./cloud-event.ts";

/** Half of the default limit of Kafka and NATS: a dead letter has the message as a JSON string, in which a quote is two characters. */
const bytesMax = 512 * 1024;
/** The length that is stored of a larger message. */
const shownMax = 4_096;

/** A message as received by an adapter, before parsing. */
export interface RawMessage {
  /** Bytes, or the value that the broker's client has decoded by the content type: text, or a parsed JSON value. */
  readonly body: unknown;
  readonly contentType?: string | undefined;
  /** CloudEvents attributes outside of the body (binary content mode), by their names without the binding's prefix. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** An id of this form is globally unique, whatever its source. */
export const isUuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/**
 * `text` is the received message; for a message in binary mode, its attributes and data in CloudEvents' JSON format. `id` is set
 * if an invalid event has a valid id.
 */
export type Reading =
  | { readonly text: string; readonly event: Envelope; readonly refused?: undefined }
  | { readonly text: string; readonly event?: undefined; readonly refused: string; readonly id?: string };

/**
 * Reads a message from any producer, in the structured or the binary content mode of the CloudEvents protocol bindings (Kafka
 * §3, AMQP §3, NATS §3). A structured event is also understood without its content type, as command-line tools send it. Never throws,
 * whatever the message contains.
 */
export function readMessage(open: () => RawMessage): Reading {
  let text = "[it cannot be shown]";
  try {
    const message = open();
    const mediaType = (message.contentType ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
    const isStructured = mediaType.startsWith("application/cloudevents");
    text = textOf(message.body);
    const bytes = Buffer.byteLength(text);
    if (bytes > bytesMax) {
      return { text: text.slice(0, shownMax).toWellFormed(), refused: `the message has ${bytes} bytes; ${bytesMax} at most are read` };
    }
    if (isStructured && mediaType !== "application/cloudevents+json") {
      return { text, refused: `the message is in ${mediaType}; only application/cloudevents+json is read` };
    }
    if (isStructured || message.attributes?.["specversion"] === undefined) return structured(text, message.body);
    return binary(text, message, mediaType);
  } catch (error) {
    // A value that the client has parsed may be nested too deeply for the engine's stack.
    if (error instanceof RangeError)
      return { text, refused: `the message cannot be read: it is nested deeper than ${jsonDepthMax} levels` };
    return { text, refused: `the message cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function structured(text: string, body: unknown): Reading {
  const parsed = parse(text, body);
  if (parsed.refused !== undefined) return { text, refused: noEvent(parsed.refused) };
  return asEvent(text, withData(withoutNulls(parsed.value)));
}

function binary(text: string, { attributes, body }: RawMessage, mediaType: string): Reading {
  const event = { ...attributes, ...(mediaType === "" ? {} : { datacontenttype: mediaType }) };
  if (text === "") return asEvent(JSON.stringify(event), event);
  const parsed = isJson(mediaType) ? parse(text, body) : { refused: `${mediaType} is not JSON` };
  if (parsed.refused !== undefined) {
    const shown = { ...event, data_base64: Buffer.from(text).toString("base64") };
    return { text: JSON.stringify(shown), refused: `the data of the event cannot be read: ${parsed.refused}` };
  }
  const whole = { ...event, data: parsed.value };
  return asEvent(JSON.stringify(whole), whole);
}

function asEvent(text: string, value: unknown): Reading {
  const issue = issueOf(value);
  if (issue === undefined) return { text, event: value as Envelope };
  const { id, source } = isObject(value) ? value : {};
  const isKnown = typeof id === "string" && isUuid.test(id) && typeof source === "string" && source !== "";
  return { text, refused: noEvent(issue), ...(isKnown ? { id } : {}) };
}

const noEvent = (issue: string): string => `the message is no CloudEvent 1.0 in JSON: ${issue}`;

/** Parses the JSON of a message with the limits of a request (json.ts). */
function parse(text: string, body: unknown): { readonly value?: unknown; readonly refused?: string } {
  if (body instanceof Uint8Array && !isUtf8(body)) return { refused: "it is not UTF-8" };
  if (text === "") return { refused: "it is empty" };
  try {
    return { value: readJson(text) };
  } catch (error) {
    return { refused: error instanceof UnacceptableJson ? `it ${error.message}` : "it is not JSON" };
  }
}

/** CloudEvents' JSON format, 2.2: a null attribute is an absent one. */
function withoutNulls(value: unknown): unknown {
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([name, member]) => member !== null || name === "data"));
}

/** CloudEvents' JSON format, 3.1.1: data of any type may be base64. */
function withData(value: unknown): unknown {
  if (!isObject(value) || value["data"] !== undefined || typeof value["data_base64"] !== "string") return value;
  const bytes = Buffer.from(value["data_base64"], "base64");
  const parsed = isJson(String(value["datacontenttype"] ?? "")) ? parse(textOf(bytes), bytes) : {};
  return parsed.value === undefined ? value : { ...value, data: parsed.value };
}

/** RFC 6839 §3.1: a JSON type ends in `json`; data without a type is JSON (CloudEvents' JSON format, 3.1). */
const isJson = (mediaType: string): boolean => mediaType === "" || /^[\w.+-]+\/(?:[\w.-]+\+)?json$/.test(mediaType);

/** Replaces NUL, which PostgreSQL cannot store in a dead letter. */
function textOf(body: unknown): string {
  if (body === undefined) return "";
  const bytes = body instanceof Uint8Array ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : undefined;
  const text = bytes?.toString("utf8") ?? (typeof body === "string" ? body : JSON.stringify(body));
  return text.replaceAll("\0", "\u{FFFD}");
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
