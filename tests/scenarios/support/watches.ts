import { setTimeout as pause } from "node:timers/promises";
import { type Answer, type HttpClient, isUnavailable } from "./http.ts";

/** A right or a credential that is used all the time, until and after it is taken away. */
export interface Watch {
  readonly what: string;
  /** True in the answer to the use where it was accepted. */
  readonly accepted: (answer: Answer) => boolean;
  readonly use: (http: HttpClient) => Promise<Answer>;
  /** When the client was told that it is taken, by `performance.now()`. */
  revokedAt?: number;
  /** The last use that began after that and was accepted nevertheless, in milliseconds after it. */
  acceptedLateMs: number;
  /** Uses after the acknowledgement: none proves nothing. */
  usesAfter: number;
}

/** How long a taken right is tried on: well over the bound. */
const observedAfterMs = 4_000;
/** Between two uses of one reader: the product is to be met by chance, not by force. */
const pauseMs = 12;

/** Readers that use what is being taken away. An accepted use counts from when it *began*: no fault is made of a slow network. */
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

  /** What was just taken is tried more often than what is still held. */
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
