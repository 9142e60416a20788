/** A command of the command line. */
export interface Command {
  /** What is typed: `["user", "create"]`. */
  readonly words: readonly string[];
  readonly usage: string;
  /** What it does; the first line is a sentence of its own. */
  readonly does: string;
  run(args: readonly string[]): Promise<void>;
}

/** The command was called wrongly. */
export class UsageError extends Error {}
