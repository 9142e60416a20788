/** How a call ended: it failed, had no answer in time, or was not made because others had failed. */
export type Ending = "failed" | "timeout" | "circuit_open";

/** A dependency that cannot answer now. The door turns it into 503; `cause` stays in the log. */
export class Unavailable extends Error {
  readonly dependency: string;
  readonly ending: Ending;
  constructor(dependency: string, cause: unknown, ending: Ending = "failed") {
    super(`${dependency} is unavailable`, { cause });
    this.name = "Unavailable";
    this.dependency = dependency;
    this.ending = ending;
  }
}

/** No answer came, and the work may have been done. The caller is told so, and looks, or retries with the same key. */
export class OutcomeUnknown extends Unavailable {
  constructor(dependency: string, cause: unknown, ending?: Ending) {
    super(dependency, cause, ending);
    this.name = "OutcomeUnknown";
  }
}
