import type { AwayRules } from "./database-away.ts";
import type { InvalidationMessage, LoggedEvent } from "./event.ts";

/** The types of event that revoke what a listener caches, and the fields of their data that it needs to invalidate that. */
export type RevokingEvents = Readonly<Record<string, readonly string[]>>;

/** Revoking events that the other processes have not been told of yet, with no more of their data than listeners need. */
export class InvalidationMessages {
  readonly #away: AwayRules | undefined;
  readonly #keptMs: number;
  /** By type, the fields that some listener needs. */
  readonly #fields = new Map<string, Set<string>>();
  /** By event id, with when this process observed the event. */
  readonly #unsent = new Map<string, { readonly message: InvalidationMessage; readonly observedAt: number }>();

  /** `marginMs`: how much longer a message is kept than a process may go without the database. */
  constructor(away: AwayRules | undefined, marginMs: number) {
    this.#away = away;
    this.#keptMs = (away?.seconds ?? 0) * 1_000 + marginMs;
  }

  /** Adds the types of a listener. */
  include(revoking: RevokingEvents): void {
    for (const [type, fields] of Object.entries(revoking)) {
      const needed = this.#fields.get(type) ?? new Set();
      for (const field of fields) needed.add(field);
      this.#fields.set(type, needed);
    }
  }

  /** Keeps the event for the next `send`, where it is a revoking one. */
  add(event: LoggedEvent): void {
    const needed = this.#away && this.#fields.get(event.type);
    if (needed) this.#unsent.set(event.id, { message: messageOf(event, needed), observedAt: performance.now() });
  }

  /** Reports that this process observes the database, with the unsent messages. Does not wait; what fails is sent with the next. */
  send(): void {
    if (this.#away === undefined) return;
    const unsent = [...this.#unsent];
    this.#unsent.clear();
    this.#away.peers.report(unsent.map(([, { message }]) => message)).catch(() => {
      // No process asks for what is older than it may go without the database.
      const since = performance.now() - this.#keptMs;
      for (const [id, kept] of unsent) if (kept.observedAt > since) this.#unsent.set(id, kept);
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
});
