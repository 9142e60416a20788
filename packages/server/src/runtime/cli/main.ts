import { OperationError } from "#operation/declaration/errors.ts";
import { isForbidden, isRefusedLogin, isUnavailable, Unavailable } from "#platform/database/driver-errors.ts";
import { refusalExitCodes, StartRefused } from "#platform/start-refused.ts";
import { ConfigurationError } from "../configuration.ts";
import { ImportRefused } from "../import/refused.ts";
import { version } from "../version.ts";
import { causeOf } from "./cause.ts";
import { type Command, UsageError } from "./command.ts";
import { allCommands, commandOf } from "./commands.ts";

/** Exit codes of sysexits.h where one fits. */
const exit = { failure: 1, usage: 64, ...refusalExitCodes } as const;

/** The command line: `gatehouse <command> [options]`. */
export async function main(args: readonly string[]): Promise<void> {
  if (args.length === 0 || args[0] === "help" || args[0] === "--help") return say(await help());
  const command = await commandOf(args);
  if (!command) return end(exit.usage, `There is no command "${args.slice(0, 2).join(" ")}".\n\n${await help()}`);
  const rest = args.slice(command.words.length);
  if (rest.includes("--help")) return say(`${command.usage}\n\n${command.does}`);
  try {
    await command.run(rest);
  } catch (error) {
    const [code, text] = explained(error, command);
    end(code, text);
  }
}

function explained(error: unknown, command: Command): readonly [number, string] {
  if (error instanceof UsageError || (error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS")) {
    return [exit.usage, `${(error as Error).message}\n\n${command.usage}`];
  }
  if (error instanceof ConfigurationError) return [exit.configuration, `The configuration is invalid:\n  ${error.problems.join("\n  ")}`];
  if (error instanceof StartRefused) return [error.exitCode, error.message];
  if (isRefusedLogin(error)) return [exit.configuration, `PostgreSQL refuses the login of DATABASE_URL: ${(error as Error).message}.`];
  if (isForbidden(error))
    return [exit.configuration, `The login of DATABASE_URL lacks a right: ${(error as Error).message}. Run gatehouse doctor.`];
  if (isUnavailable(error)) return [exit.unavailable, `${nameOf(error)} does not answer: ${causeOf(error as Error)}`];
  if (error instanceof ImportRefused) return [exit.failure, error.message];
  if (error instanceof OperationError) return [exit.failure, operationText(error)];
  if ((error as { code?: string }).code === "EADDRINUSE")
    return [exit.configuration, `${(error as Error).message}. Choose another PORT, or stop the process that listens there.`];
  return [exit.failure, error instanceof Error ? (error.stack ?? error.message) : String(error)];
}

/** An error without a service's name comes from the database driver. */
const nameOf = (error: unknown): string =>
  !(error instanceof Unavailable) || error.dependency === "database" ? "PostgreSQL (DATABASE_URL)" : error.dependency;

function operationText(error: OperationError): string {
  const details = error.details.map((detail) => `\n  ${detail.field ?? ""}: ${String(detail["message"] ?? detail.rule ?? "")}`);
  return `${error.message} (${error.definition.code})${details.join("")}`;
}

const help = async (): Promise<string> =>
  [
    `gatehouse ${version}`,
    "",
    "Commands:",
    ...(await allCommands()).map((command) => `  ${command.words.join(" ").padEnd(21)} ${command.does.split("\n")[0]}`),
    "",
    "gatehouse <command> --help shows more. The configuration is environment variables: gatehouse config lists them.",
  ].join("\n");

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function end(code: number, text: string): void {
  process.stderr.write(`${text}\n`);
  process.exitCode = code;
}
