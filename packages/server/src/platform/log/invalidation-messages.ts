import type { AwayRules } from "./database-away.ts";
import type { InvalidationMessage, LoggedEvent } from "./event.ts";

/** The event types that revoke what a listener caches, with the fields of their data that invalidation needs. */
export type RevokingEvents = Readonly<Record<string, readonly string[]>>;

/** Revoking events that have not been sent to the other processes yet, with only the data that listeners need. */
export class InvalidationMessages {
  readonly #away: AwayRules | undefined;
  readonly #retentionMs: number;
  /** By type, the fields that some listener needs. */
  readonly #fields = new Map<string, Set<string>>();
  /** By event id, with when this process observed the event. */
  readonly #unsent = new Map<string, { readonly message: InvalidationMessage; readonly observedAt: number }>();

  /** `marginMs`: how much longer a message is retained than a process may work without the database. */
  constructor(away: AwayRules | undefined, marginMs: number) {
    this.#away = away;
    this.#retentionMs = (away?.seconds ?? 0) * 1_000 + marginMs;
  }

  /** Adds the types of a listener. */
  include(revoking: RevokingEvents): void {
    for (const [type, fields] of Object.entries(revoking)) {
      const needed = this.#fields.get(type) ?? new Set();
      for (const field of fields) needed.add(field);
      this.#fields.set(type, needed);
    }
  }

  /** Queues the event for the next `send` if it is a revoking one. */
  add(event: LoggedEvent): void {
    const needed = this.#away && this.#fields.get(event.type);
    if (needed) this.#unsent.set(event.id, { message: messageOf(event, needed), observedAt: performance.now() });
  }

  /** Reports that this process observes the database, with the unsent messages. Does not wait; messages that fail are sent with the next. */
  send(): void {
    if (this.#away === undefined) return;
    const unsent = [...this.#unsent];
    this.#unsent.clear();
    this.#away.peers.report(unsent.map(([, { message }]) => message)).catch(() => {
      // No process queries messages that are older than it may work without the database.
      const since = performance.now() - this.#retentionMs;
      for (const [id, pending] of unsent) if (pending.observedAt > since) this.#unsent.set(id, pending);
    });
  }

  clear(): void {
    this.#unsent.clear();
  }
}

function messageOf(
  { id, type, subject, organizationId, data, position, occurredAt }: LoggedEvent,
  needed: ReadonlySet<string>,
): InvalidationMessage {
  const sent = Object.fromEntries(Object.entries(data).filter(([field]) => needed.has(field)));
  return { id, type, subject, organizationId, data: sent, transaction: position.transaction, occurredAt: occurredAt.toISOString() };
}

export const eventOfMessage = ({ transaction, occurredAt, ...event }: InvalidationMessage): LoggedEvent => ({
  ...event,
  position: { transaction, sequence: "0" },
  occurredAt: new Date(occurredAt),
  traceparent: null,
  actor: null,
});
