import type { Logger } from "pino";
import { maskText } from "../telemetry/masking.ts";
import { isRejection } from "./message-rejected.ts";

/** Thrown by an adapter that sees itself that its broker cannot serve as it is. */
export class Refused extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "Refused";
  }
}

/** What a broker says no with: RabbitMQ's reply codes, NATS' and Kafka's names of errors, and a certificate that we do not trust. */
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
/** The statuses of JetStream's API that say no: bad request, and forbidden. */
const jetStreamRefuses = new Set([400, 401, 403]);
/** What RabbitMQ's client says before the broker's reply code and text: the call that was refused. */
const clientsWords = /^.*?(?=[A-Z]+_[A-Z]+ - )/;
/** Errors that an error leads to; a broker's own word is at most a few causes deep. */
const errorsMax = 50;
/** Where the broker is, which health does not tell. */
const address = /\b(?:\d{1,3}(?:\.\d{1,3}){3}|localhost)(?::\d+)?\b|\[[\da-f:]+\](?::\d+)?/gi;

/**
 * The words in which a broker refused, masked; undefined where it is away, or something else went wrong. That it rejects one message says
 * nothing about the next ones: health would stay DOWN until another event is published.
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
      const message = one.message.replace(clientsWords, "");
      const said = typeof serverErrorMessage === "string" && serverErrorMessage !== "" ? `${message} (${serverErrorMessage})` : message;
      const id = [apiId, code].find((each) => typeof each === "string" && !each.startsWith("PLT_") && !said.includes(each));
      return maskText(id === undefined ? said : `${id}: ${said}`).replace(address, "[address]");
    }
    open.push(cause, ...((one as Partial<AggregateError>).errors ?? []));
  }
  return undefined;
}

/** What a broker refuses now, by place, as far as this process has met it. Each is told to the log once, until it is over. */
export class Refusals {
  readonly #broker: string;
  readonly #logger: Logger;
  readonly #words = new Map<string, string>();

  constructor(broker: string, logger: Logger) {
    this.#broker = broker;
    this.#logger = logger;
  }

  /** True where `error` is a refusal; it is noted and told then. */
  note(place: string, error: unknown): boolean {
    const words = refusalIn(error);
    if (words === undefined) return false;
    if (this.#words.get(place) !== words) {
      this.#words.set(place, words);
      this.#logger.error({ broker: this.#broker, place, refusal: words }, `the broker refuses: ${place}: ${words}`);
    }
    return true;
  }

  clear(place: string): void {
    if (this.#words.delete(place)) this.#logger.info({ broker: this.#broker, place }, "the broker no longer refuses");
  }

  /** Runs what is done at a place, and notes how it ends. */
  async at<T>(place: string, work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      this.clear(place);
      return result;
    } catch (error) {
      this.note(place, error);
      throw error;
    }
  }

  /** One sentence; undefined where nothing is refused. */
  get sentence(): string | undefined {
    return this.#words.size === 0 ? undefined : [...this.#words].map(([place, words]) => `${place}: ${words}`).join("; ");
  }
}
