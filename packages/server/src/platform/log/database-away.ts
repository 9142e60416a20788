import { connect } from "node:net";
import { policies } from "../resilience/policies.ts";
import type { ToldEvent } from "./event.ts";

/** What processes know of the database, told beside it, so that one that hears nothing can ask the others (decision 0022). */
export interface Witness {
  /** This process hears the database now, and has heard of these events. Rejects where nobody can be told. */
  tell(events: readonly ToldEvent[]): Promise<void>;
  /** Rejects where nobody can be asked. */
  ask(sinceMs: number): Promise<Testimony>;
}

export interface Testimony {
  /** Some process has heard the database within the revocation bound. */
  readonly heard: boolean;
  /** Every event that was told within the last `sinceMs` milliseconds, and perhaps some before. */
  readonly events: readonly ToldEvent[];
}

export interface AwayRules {
  readonly witness: Witness;
  /** Whether the database's address refuses connections now. Silence is no refusal. */
  refuses(): Promise<boolean>;
  /** How long a process may go without the database, counted from when it last heard it. */
  readonly seconds: number;
}

/** Why a process that does not hear the database refuses, in words for its log. */
export type NotAway =
  | "it has been away for too long"
  | "its address does not refuse"
  | "another process hears it"
  | "the others cannot be asked";

/** Where the database is away for everybody, the last events by which something ended: whoever knows them knows all that matters. */
export type Inquiry = { readonly away: true; readonly events: readonly ToldEvent[] } | { readonly away: false; readonly because: NotAway };

/** What is told and what is asked may cross; more than any clock or queue between them. */
const marginMs = 1_000;

/**
 * Asks whether the database is away for everybody, for a process that last heard it `ageMs` milliseconds ago: then nobody can take a
 * right away, and memory stays as good as it is once it has heard of the events that are answered. What cannot be known is no.
 */
export async function inquire({ witness, refuses, seconds }: AwayRules, ageMs: number): Promise<Inquiry> {
  if (ageMs >= seconds * 1_000) return { away: false, because: "it has been away for too long" };
  const [refused, testimony] = await Promise.all([refuses().catch(() => false), witness.ask(ageMs + marginMs).catch(() => undefined)]);
  if (!refused) return { away: false, because: "its address does not refuse" };
  if (testimony === undefined) return { away: false, because: "the others cannot be asked" };
  return testimony.heard ? { away: false, because: "another process hears it" } : { away: true, events: testimony.events };
}

/**
 * Asks the address of a database, without a word of its protocol, whether it refuses connections: that says that no server listens
 * there. A server that starts or stops takes the connection and answers 57P03, and one that is cut off says nothing; both may serve others.
 */
export const refusalOf = (databaseUrl: string) => (): Promise<boolean> => {
  const { hostname, port } = new URL(databaseUrl);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({
    host: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port || 5_432),
    timeout: policies["postgresql.refusal"].timeLimitMs,
  });
  socket.once("connect", () => resolve(false));
  socket.once("timeout", () => resolve(false));
  socket.once("error", (error: NodeJS.ErrnoException & { readonly errors?: readonly NodeJS.ErrnoException[] }) =>
    resolve((error.errors ?? [error]).every(({ code }) => code === "ECONNREFUSED")),
  );
  return promise.finally(() => socket.destroy());
};
