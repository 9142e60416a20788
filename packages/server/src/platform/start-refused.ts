/** Exit codes of sysexits.h for a service manager: 78 needs an operator, 69 may be temporary. */
export const refusalExitCodes = { configuration: 78, unavailable: 69 } as const;

/**
 * A command cannot run with its configuration. The message is one line for the operator: it names the setting or the dependency, the
 * reason, and the remedy. The command line prints it without a stack and exits with {@link exitCode}.
 */
export class StartRefused extends Error {
  readonly exitCode: number;
  constructor(message: string, kind: keyof typeof refusalExitCodes = "configuration", cause?: unknown) {
    super(message, { cause });
    this.name = "StartRefused";
    this.exitCode = refusalExitCodes[kind];
  }
}
