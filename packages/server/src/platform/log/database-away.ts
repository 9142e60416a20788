import { connect } from "node:net";
import { policies } from "../resilience/policies.ts";
import type { InvalidationMessage } from "./event.ts";

/** Processes report beside the database what they observe of it, so that one that observes nothing can ask the others (decision 0022). */
export interface PeerFailureDetector {
  /** Reports that this process observes the database now, and these events. Rejects where no report can be kept. */
  report(events: readonly InvalidationMessage[]): Promise<void>;
  /** Reads the reports of all processes. Rejects where they cannot be read. */
  query(sinceMs: number): Promise<PeerReport>;
}

export interface PeerReport {
  /** Whether some process observed the database within the revocation bound. */
  readonly observed: boolean;
  /** Every event that was reported within the last `sinceMs` milliseconds, and perhaps some before. */
  readonly events: readonly InvalidationMessage[];
}

export interface AwayRules {
  readonly peers: PeerFailureDetector;
  /** Whether the database's address refuses connections now. Silence is no refusal. */
  refuses(): Promise<boolean>;
  /** How long a process may go without the database, counted from when it last observed it. */
  readonly seconds: number;
}

/** Why a process that does not observe the database refuses, in words for its log. */
export type NotAway =
  | "it has been away for too long"
  | "its address does not refuse"
  | "another process observes it"
  | "the others cannot be asked";

/** Where the database is away for every process, the last revoking events: a cache that has applied them is up to date. */
export type Outage =
  | { readonly away: true; readonly events: readonly InvalidationMessage[] }
  | { readonly away: false; readonly because: NotAway };

/** A report and a query may cross; more than any clock or queue between them. */
const marginMs = 1_000;

/**
 * Finds whether the database is away for every process, for one that last observed it `lagMs` milliseconds ago: then nobody can revoke a
 * right, and a cache stays valid once the returned events are applied. What cannot be known counts as no.
 */
export async function detectOutage({ peers, refuses, seconds }: AwayRules, lagMs: number): Promise<Outage> {
  if (lagMs >= seconds * 1_000) return { away: false, because: "it has been away for too long" };
  const [refused, report] = await Promise.all([refuses().catch(() => false), peers.query(lagMs + marginMs).catch(() => undefined)]);
  if (!refused) return { away: false, because: "its address does not refuse" };
  if (report === undefined) return { away: false, because: "the others cannot be asked" };
  return report.observed ? { away: false, because: "another process observes it" } : { away: true, events: report.events };
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
