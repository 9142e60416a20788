import { setTimeout as pause } from "node:timers/promises";
import { type Answer, type HttpClient, isUnavailable } from "./http.ts";

/** A permission or a credential that is used continuously, before and after its revocation. */
export interface Watch {
  readonly what: string;
  /** Whether an answer shows that the use was accepted. */
  readonly accepted: (answer: Answer) => boolean;
  readonly use: (http: HttpClient) => Promise<Answer>;
  /** When the revocation was acknowledged, by `performance.now()`. */
  revokedAt?: number;
  /** The last accepted use that began after the acknowledgement, in milliseconds after it. */
  acceptedLateMs: number;
  /** Uses after the acknowledgement: without any, nothing is proven. */
  usesAfter: number;
}

/** How long a revoked permission is used: well beyond the bound. */
const observedAfterMs = 4_000;
/** The pause between two uses of one reader, which bounds the load. */
const pauseMs = 12;

/** Readers that use what is being revoked. An accepted use counts from its start, so that slow answers do not count as violations. */
export class Watches {
  readonly all: Watch[] = [];
  readonly #http: HttpClient;
  readonly #readers: Promise<void>[] = [];
  #stopped = false;
  uses = 0;
  unanswered = 0;

  constructor(http: HttpClient, readers: number) {
    this.#http = http;
    for (let index = 0; index < readers; index += 1) this.#readers.push(this.#read());
  }

  add(watch: Pick<Watch, "what" | "accepted" | "use">): Watch {
    const added = { ...watch, acceptedLateMs: 0, usesAfter: 0 };
    this.all.push(added);
    return added;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#readers);
  }

  async #read(): Promise<void> {
    while (!this.#stopped) {
      const watch = this.#next();
      if (watch) await this.#use(watch);
      await pause(pauseMs);
    }
  }

  /** Revoked permissions are used more often than granted ones. */
  #next(): Watch | undefined {
    const now = performance.now();
    const taken = this.all.filter(({ revokedAt }) => revokedAt !== undefined && now - revokedAt < observedAfterMs);
    const held = this.all.filter(({ revokedAt }) => revokedAt === undefined);
    const from = taken.length > 0 && (held.length === 0 || Math.random() < 0.8) ? taken : held;
    return from[Math.floor(Math.random() * from.length)];
  }

  async #use(watch: Watch): Promise<void> {
    const answer = await watch.use(this.#http);
    this.uses += 1;
    if (isUnavailable(answer)) this.unanswered += 1;
    const { revokedAt } = watch;
    if (revokedAt === undefined || answer.beganAt < revokedAt) return;
    watch.usesAfter += 1;
    if (watch.accepted(answer)) watch.acceptedLateMs = Math.max(watch.acceptedLateMs, answer.beganAt - revokedAt);
  }
}
