/**
 * The outcome of a command as its client knows it: `done` was acknowledged; `unknown` got no answer or a request to retry, twice, and may
 * have been applied once at most.
 */
export type Outcome = "done" | "unknown";

/** An entity that a command created, identified by the name that the client chose. */
export interface Made {
  readonly name: string;
  readonly organizationId: string;
  readonly outcome: Outcome;
  readonly id?: string | undefined;
  /** Whether it was deleted again. */
  removed?: Outcome;
}

/** An event that an acknowledgement promises, by the revision of the write, or by its subject if a retry had no revision. */
export interface Promised {
  readonly type: string;
  readonly revision?: string | undefined;
  readonly subject?: string | undefined;
}

/** A value that writes replace: the last acknowledged one, or a later unknown one. */
export class LastValue {
  #possible = new Set<string>();

  constructor(value: string) {
    this.#possible = new Set([value]);
  }

  wrote(value: string, outcome: Outcome): void {
    if (outcome === "done") this.#possible = new Set([value]);
    else this.#possible.add(value);
  }

  allows(value: string): boolean {
    return this.#possible.has(value);
  }
}

/** All acknowledgements to clients, which the product's later answers are compared with. */
export class Ledger {
  readonly organizations: Made[] = [];
  readonly invitations: Made[] = [];
  readonly grants: Made[] = [];
  readonly promised: Promised[] = [];
  /** Answers that no injected fault explains, such as 400 or 409 to a valid command. */
  readonly surprises: string[] = [];
  /** Each member's role, and each owner's first name, by organization. */
  readonly roles = new Map<string, LastValue>();
  readonly firstNames = new Map<string, LastValue>();
  acknowledged = 0;
  unknown = 0;
  passwordChanges = 0;

  promise(promised: Promised): void {
    this.acknowledged += 1;
    this.promised.push(promised);
  }
}
