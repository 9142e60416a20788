import type { Logger } from "pino";
import { maskText } from "../telemetry/masking.ts";
import { isRejection } from "./message-rejected.ts";

/** Thrown by an adapter that detects that its broker is unusable in its current state. */
export class Refused extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "Refused";
  }
}

/** Errors by which a broker refuses: RabbitMQ's reply codes, error names of NATS and Kafka, and untrusted certificates. */
const names = new Set([
  "Refused",
  "ACCESS_REFUSED",
  "NOT_ALLOWED",
  "PRECONDITION_FAILED",
  "RESOURCE_LOCKED",
  "AuthorizationError",
  "PermissionViolationError",
  "UserAuthenticationExpiredError",
  "JetStreamNotEnabled",
  "PLT_KFK_AUTHENTICATION",
  "SASL_AUTHENTICATION_FAILED",
  "UNSUPPORTED_SASL_MECHANISM",
  "ILLEGAL_SASL_STATE",
  "POLICY_VIOLATION",
  "INVALID_REPLICATION_FACTOR",
  "INVALID_TOPIC_EXCEPTION",
  "INVALID_CONFIG",
]);
const patterns = /_AUTHORIZATION_FAILED$|^ERR_TLS_|^CERT_|^DEPTH_ZERO_|^SELF_SIGNED_|^UNABLE_TO_(GET|VERIFY)_/;
/** The statuses of JetStream's API for refusals: bad request, unauthorized and forbidden. */
const jetStreamRefuses = new Set([400, 401, 403]);
/** The prefix that RabbitMQ's client adds to the broker's reply code and text: the refused call. */
const clientPrefix = /^.*?(?=[A-Z]+_[A-Z]+ - )/;
/** The maximum number of nested errors; a broker's own error is a few causes deep. */
const errorsMax = 50;
/** The broker's address, which health responses must not reveal. */
const address = /\b(?:\d{1,3}(?:\.\d{1,3}){3}|localhost)(?::\d+)?\b|\[[\da-f:]+\](?::\d+)?/gi;

/**
 * The masked error text of a broker's refusal; undefined if it is unavailable, or for other errors. A rejection of one message says
 * nothing about the next ones: as a refusal, it would keep health DOWN until another event is published.
 */
export function refusalIn(error: unknown): string | undefined {
  if (isRejection(error)) return undefined;
  const open: unknown[] = [error];
  for (let seen = 0; open.length > 0 && seen < errorsMax; seen += 1) {
    const one = open.shift();
    if (!(one instanceof Error)) continue;
    const { name, cause } = one;
    const { code, apiId, status, serverErrorMessage } = one as {
      readonly code?: unknown;
      readonly apiId?: unknown;
      readonly status?: unknown;
      readonly serverErrorMessage?: unknown;
    };
    const ids = [name, code, apiId].filter((id) => typeof id === "string");
    if (ids.some((id) => names.has(id) || patterns.test(id)) || (name === "JetStreamApiError" && jetStreamRefuses.has(status as number))) {
      const message = one.message.replace(clientPrefix, "");
      const text = typeof serverErrorMessage === "string" && serverErrorMessage !== "" ? `${message} (${serverErrorMessage})` : message;
      const id = [apiId, code].find((each) => typeof each === "string" && !each.startsWith("PLT_") && !text.includes(each));
      return maskText(id === undefined ? text : `${id}: ${text}`).replace(address, "[address]");
    }
    open.push(cause, ...((one as Partial<AggregateError>).errors ?? []));
  }
  return undefined;
}

/** What a broker refuses now, by subject (such as `publishing`), as observed by this process. Each is logged once until it ends. */
export class Refusals {
  readonly #broker: string;
  readonly #logger: Logger;
  readonly #words = new Map<string, string>();

  constructor(broker: string, logger: Logger) {
    this.#broker = broker;
    this.#logger = logger;
  }

  /** Records and logs `error` if it is a refusal; true then. */
  record(subject: string, error: unknown): boolean {
    const words = refusalIn(error);
    if (words === undefined) return false;
    if (this.#words.get(subject) !== words) {
      this.#words.set(subject, words);
      this.#logger.error({ broker: this.#broker, place: subject, refusal: words }, `the broker refuses: ${subject}: ${words}`);
    }
    return true;
  }

  clear(subject: string): void {
    if (this.#words.delete(subject)) this.#logger.info({ broker: this.#broker, place: subject }, "the broker no longer refuses");
  }

  /** Runs work on a subject, and records whether it was refused. */
  async at<T>(subject: string, work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      this.clear(subject);
      return result;
    } catch (error) {
      this.record(subject, error);
      throw error;
    }
  }

  /** All refusals in one sentence; undefined if there are none. */
  get sentence(): string | undefined {
    return this.#words.size === 0 ? undefined : [...this.#words].map(([subject, words]) => `${subject}: ${words}`).join("; ");
  }
}
