import { connect } from "node:net";
import { policies } from "../resilience/policies.ts";
import type { InvalidationMessage } from "./event.ts";

/** Processes report outside the database what they observe of it, so that a process that observes nothing can query them (decision 0022). */
export interface PeerFailureDetector {
  /** Reports that this process observes the database now, and these events. Rejects if the report cannot be stored. */
  report(events: readonly InvalidationMessage[]): Promise<void>;
  /** Reads the reports of all processes. Rejects if they cannot be read. */
  query(sinceMs: number): Promise<PeerReport>;
}

export interface PeerReport {
  /** Whether any process observed the database within the revocation bound. */
  readonly observed: boolean;
  /** Every event that was reported within the last `sinceMs` milliseconds, and possibly earlier ones. */
  readonly events: readonly InvalidationMessage[];
}

export interface AwayRules {
  readonly peers: PeerFailureDetector;
  /** Whether the database's address refuses connections now. A timeout is not a refusal. */
  refuses(): Promise<boolean>;
  /** How long a process may work without the database, from its last observation. */
  readonly seconds: number;
}

/** Why a process does not treat the database as away, as text for its log. */
export type NoOutageReason =
  | "it has been away for too long"
  | "its address does not refuse"
  | "another process observes it"
  | "the peers cannot be queried";

/** If the database is away for every process, the last revoking events: a cache that has applied them is up to date. */
export type Outage =
  | { readonly away: true; readonly events: readonly InvalidationMessage[] }
  | { readonly away: false; readonly because: NoOutageReason };

/** A report and a query may overlap; longer than any clock difference or queueing delay. */
const marginMs = 1_000;

/**
 * Detects whether the database is away for every process, on behalf of one that last observed it `lagMs` milliseconds ago. Then no process
 * can revoke a right, and a cache stays valid once the returned events are applied. Uncertainty counts as not away.
 */
export async function detectOutage({ peers, refuses, seconds }: AwayRules, lagMs: number): Promise<Outage> {
  if (lagMs >= seconds * 1_000) return { away: false, because: "it has been away for too long" };
  const [refused, report] = await Promise.all([refuses().catch(() => false), peers.query(lagMs + marginMs).catch(() => undefined)]);
  if (!refused) return { away: false, because: "its address does not refuse" };
  if (report === undefined) return { away: false, because: "the peers cannot be queried" };
  return report.observed ? { away: false, because: "another process observes it" } : { away: true, events: report.events };
}

/**
 * Checks on the TCP level whether a database's address refuses connections: that proves that no server listens
 * there. A server that starts or stops accepts the connection and answers 57P03; an unreachable one times out. Both may serve others.
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
