/**
 * What became of a command, as its client knows it: `done` was acknowledged; `unknown` stayed without an answer, or was told
 * to come again, twice: it may have happened once, and never more often.
 */
export type Outcome = "done" | "unknown";

/** A thing that a command has made, found again by the name that the client gave it. */
export interface Made {
  readonly name: string;
  readonly organizationId: string;
  readonly outcome: Outcome;
  readonly id?: string | undefined;
  /** Whether it was taken away again. */
  removed?: Outcome;
}

/** An event that an acknowledgement promises. By the revision of the write, or by what it is about where a retry had none. */
export interface Promised {
  readonly type: string;
  readonly revision?: string | undefined;
  readonly subject?: string | undefined;
}

/** A value of which only the last is there: acknowledged ones follow each other, and after an unknown one either may be it. */
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

/** Everything that clients were told. What the product says afterwards is compared with it. */
export class Ledger {
  readonly organizations: Made[] = [];
  readonly invitations: Made[] = [];
  readonly grants: Made[] = [];
  readonly promised: Promised[] = [];
  /** Answers that no fault explains, such as a 400 or a 409 of a command that is right. */
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
