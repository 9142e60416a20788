import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { parseEnv } from "node:util";
import type { Settings } from "../platform/settings.ts";
import { type Variable, variables } from "./variables.ts";
import { version } from "./version.ts";

/** Everything that the configuration decides. */
export interface Configuration {
  readonly host: string;
  readonly port: number;
  readonly operationsPort: number | undefined;
  readonly dataDir: string;
  readonly databaseUrl: string | undefined;
  readonly databaseReadUrl: string | undefined;
  readonly smtpUrl: string | undefined;
  readonly mailFrom: string;
  readonly masterKey: string | undefined;
  readonly trustProxy: boolean;
  readonly logLevel: string;
  readonly environment: string;
  readonly administrator: { readonly email: string; readonly password: string } | undefined;
  readonly settings: Settings;
}

/** What is wrong with a configuration, one line a variable. The process exits 78 with it (EX_CONFIG, sysexits.h). */
export class ConfigurationError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "ConfigurationError";
    this.problems = problems;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads and checks the configuration. Throws {@link ConfigurationError} with everything that is wrong at once. */
export function readConfiguration(environment: Environment): Configuration {
  const given = { ...fileOf(environment), ...withoutEmpty(environment) };
  const problems: string[] = [];
  const values = new Map<string, unknown>();
  for (const variable of variables) values.set(variable.name, parsedValue(variable, given, problems));
  if (problems.length > 0) throw new ConfigurationError(problems);
  const configuration = assemble((name) => values.get(name) as never);
  problems.push(...refusals(configuration));
  if (problems.length > 0) throw new ConfigurationError(problems);
  return configuration;
}

/** The settings in the file that GATEHOUSE_CONFIG names: lines of NAME=value. The environment stands above it. */
function fileOf(environment: Environment): Environment {
  const file = environment["GATEHOUSE_CONFIG"];
  if (!file) return {};
  try {
    return parseEnv(readFileSync(file, "utf8")) as Environment;
  } catch (error) {
    throw new ConfigurationError([`GATEHOUSE_CONFIG is ${file}, which cannot be read: ${(error as Error).message}`]);
  }
}

const withoutEmpty = (environment: Environment): Environment =>
  Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ""));

function parsedValue(variable: Variable, given: Environment, problems: string[]): unknown {
  const text = given[variable.name];
  if (text === undefined) return variable.fallback;
  const value = variable.parse(text);
  if (value === undefined) {
    // A secret that is wrong is still not shown.
    problems.push(`${variable.name} is ${variable.secret ? "set, but not right" : JSON.stringify(text)}; it takes ${variable.takes}.`);
  }
  return value;
}

function assemble(get: (name: string) => never): Configuration {
  const host: string = get("HOST");
  const port: number = get("PORT");
  const email: string | undefined = get("GATEHOUSE_ADMIN_EMAIL");
  const password: string | undefined = get("GATEHOUSE_ADMIN_PASSWORD");
  const publicUrl: string | undefined = get("PUBLIC_URL");
  return {
    host,
    port,
    operationsPort: get("OPERATIONS_PORT"),
    dataDir: get("GATEHOUSE_DATA_DIR"),
    databaseUrl: get("DATABASE_URL"),
    databaseReadUrl: get("DATABASE_READ_URL"),
    smtpUrl: get("SMTP_URL"),
    mailFrom: get("MAIL_FROM"),
    masterKey: get("GATEHOUSE_MASTER_KEY"),
    trustProxy: get("TRUST_PROXY"),
    logLevel: get("LOG_LEVEL"),
    environment: get("GATEHOUSE_ENVIRONMENT"),
    administrator: email !== undefined && password !== undefined ? { email, password } : undefined,
    settings: {
      version,
      publicUrl: publicUrl ?? `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`,
      passwordHash: get("PASSWORD_HASH"),
      knownAddress: get("KNOWN_ADDRESS"),
      sessionIdleSeconds: get("SESSION_IDLE_SECONDS"),
      sessionAbsoluteSeconds: get("SESSION_ABSOLUTE_SECONDS"),
      verifyEmailSeconds: get("VERIFY_EMAIL_SECONDS"),
      resetPasswordSeconds: get("RESET_PASSWORD_SECONDS"),
      invitationSeconds: get("INVITATION_SECONDS"),
      decisionDays: get("GATEHOUSE_DECISION_DAYS"),
      signInLimit: get("GATEHOUSE_SIGN_IN_LIMIT"),
    },
  };
}

export const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || host.startsWith("127.");

/** Starts that would be unsafe (docs/contract.md, "Starting it"). */
function refusals(configuration: Configuration): string[] {
  if (isLoopback(configuration.host)) return [];
  const needed: string[] = [];
  if (configuration.databaseUrl === undefined) needed.push("DATABASE_URL is not set: embedded storage is for this machine alone.");
  if (configuration.masterKey === undefined)
    needed.push("GATEHOUSE_MASTER_KEY is not set: base64 of 32 random bytes (openssl rand -base64 32).");
  if (configuration.smtpUrl === undefined) needed.push("SMTP_URL is not set: the development inbox would show everybody's mails.");
  if (!configuration.trustProxy || !configuration.settings.publicUrl.startsWith("https:")) {
    needed.push("PUBLIC_URL must be https://… and TRUST_PROXY=true: passwords must not cross a network in the clear.");
  }
  if (configuration.settings.signInLimit === "off") needed.push("GATEHOUSE_SIGN_IN_LIMIT=off is for measuring on loopback.");
  return needed.map((problem) => `HOST is ${configuration.host}, which others can reach. ${problem}`);
}
