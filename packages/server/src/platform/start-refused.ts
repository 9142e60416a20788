/** Exit codes of sysexits.h that a service manager can act on: 78 needs an operator, 69 may pass by itself. */
export const refusalExitCodes = { configuration: 78, unavailable: 69 } as const;

/**
 * A command cannot run on what it was given. The message is one line for the operator: it names the setting or the dependency, the
 * reason, and what helps. The command line prints it without a stack and exits with {@link exitCode}.
 */
export class StartRefused extends Error {
  readonly exitCode: number;
  constructor(message: string, kind: keyof typeof refusalExitCodes = "configuration", cause?: unknown) {
    super(message, { cause });
    this.name = "StartRefused";
    this.exitCode = refusalExitCodes[kind];
  }
}
