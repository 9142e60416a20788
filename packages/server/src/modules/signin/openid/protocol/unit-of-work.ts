import type { sessions } from "#modules/signin/sessions/index.ts";
import type { tokens } from "#modules/signin/tokens/index.ts";
import type { ApisOf } from "#operation/declaration/module.ts";
import type { Transact } from "#operation/declaration/transact.ts";
import { violatedReference } from "#platform/database/driver-errors.ts";
import { openidStore, type Writes } from "../store.ts";

/** The APIs of other modules that changes call. */
export type WrittenApis = ApisOf<{ readonly sessions: typeof sessions; readonly tokens: typeof tokens }>;

/** A change that waits for the end of the request. It returns false where it is not possible any more. */
type Change = (store: Writes, now: Date, uses: WrittenApis) => Promise<boolean>;

/** Why the changes of a request could not be made: another request came first. */
export type Conflict = "consumed" | "replayed" | "ended";

/** The changes of a request met those of another one. Nothing of the request was stored. */
export class StateConflict extends Error {
  readonly conflict: Conflict;
  readonly kind: string;
  constructor(conflict: Conflict, kind: string) {
    super(`${kind}: ${conflict}`);
    this.name = "StateConflict";
    this.conflict = conflict;
    this.kind = kind;
  }
}

interface PendingChange {
  readonly kind: string;
  readonly conflict: Conflict;
  readonly change: Change;
}

/**
 * The changes of one request, made together in one transaction before it is answered: a code is consumed if and only if its tokens are
 * stored. Until then no connection is held, while the library signs and asks other servers.
 */
export class UnitOfWork {
  readonly #puts: PendingChange[] = [];
  /**
   * Locks of rows that exist come after those of the session, which the inserts take by their foreign key. Ending a session takes them in the
   * same order: it deletes the session, and then these rows.
   */
  readonly #changes: PendingChange[] = [];
  /** By kind and id: what the request has put, null where it has deleted it. The library reads what it has written. */
  readonly #own = new Map<string, object | null>();

  put(kind: string, id: string, payload: object, { change, conflict }: { readonly change: Change; readonly conflict: Conflict }): void {
    this.#own.set(keyOf(kind, id), payload);
    this.#puts.push({ kind, conflict, change });
  }

  /** Adds a change that is made before those that are added later. */
  first(kind: string, change: Change): void {
    this.#puts.push({ kind, conflict: "ended", change });
  }

  consume(kind: string, change: Change): void {
    this.#changes.push({ kind, conflict: "consumed", change });
  }

  remove(kind: string, id: string, change: Change): void {
    this.#own.set(keyOf(kind, id), null);
    this.#changes.push({ kind, conflict: "ended", change });
  }

  /** Adds a change that is not about one row that the library reads again. */
  add(kind: string, change: Change): void {
    this.#changes.push({ kind, conflict: "ended", change });
  }

  /** Drops every change so far. */
  discard(): void {
    this.#puts.length = 0;
    this.#changes.length = 0;
  }

  /** What the request itself has put; null where it has deleted it, undefined where it did neither. */
  own(kind: string, id: string): object | null | undefined {
    return this.#own.get(keyOf(kind, id));
  }

  /** Makes the changes. Throws {@link StateConflict} where another request came first, and {@link Unavailable}. Nothing is stored then. */
  async commit(transact: Transact): Promise<void> {
    const changes = [...this.#puts, ...this.#changes];
    if (changes.length === 0) return;
    try {
      await transact(async ({ tx, now, uses }) => {
        const store = openidStore.writes(tx);
        for (const { kind, conflict, change } of changes) {
          if (!(await change(store, now, uses))) throw new StateConflict(conflict, kind);
        }
      });
    } catch (error) {
      // The session ended between the request's reads and its changes.
      if (violatedReference(error) !== undefined) throw new StateConflict("ended", "Session");
      throw error;
    }
  }
}

const keyOf = (kind: string, id: string): string => `${kind} ${id}`;
