/** A command of the command line. */
export interface Command {
  /** The words of the command: `["user", "create"]`. */
  readonly words: readonly string[];
  readonly usage: string;
  /** The help text; its first line is a complete sentence. */
  readonly does: string;
  run(args: readonly string[]): Promise<void>;
}

/** The command was called wrongly. */
export class UsageError extends Error {}
