/**
 * `npm run stack`: runs all roles as processes on this machine: a worker, two command and two query processes and a gateway, on PostgreSQL
 * and NATS, and on Redis and a broker where they answer. Prints the addresses; restarts processes that die.
 * Options: --query N, --command N, --worker N, --gateway N, --port 8080. Addresses: DATABASE_URL, NATS_URL, REDIS_URL, EVENTS_URL; every
 * other variable of the configuration is passed on, except those that differ between the processes.
 */
import { parseArgs } from "node:util";
import { aesKeys } from "../packages/server/src/platform/keys/aes.ts";
import { decodeMasterKey } from "../packages/server/src/platform/keys/file.ts";
import type { DerivedKey } from "../packages/server/src/platform/keys/keys.ts";
import { transportKeysOf } from "../packages/server/src/runtime/transport-keys.ts";
import { variables } from "../packages/server/src/runtime/variables.ts";
import { prepareDatabase } from "./stack/database.ts";
import { masterKey, stackFolder } from "./stack/folder.ts";
import { Member, type Plan } from "./stack/member.ts";
import { findServices } from "./stack/services.ts";

const counts = { worker: { type: "string", default: "1" }, command: { type: "string", default: "2" } } as const;
const more = {
  query: { type: "string", default: "2" },
  gateway: { type: "string", default: "1" },
  port: { type: "string", default: "8080" },
} as const;
const { values } = options();
const firstPort = Number(values.port);

const found = await findServices();
if (found.missing.length > 0) {
  for (const line of found.missing) process.stderr.write(`missing: ${line}\n`);
  process.exit(69);
}
const services = { ...found.environment, DATABASE_URL: await preparedDatabase(found.environment["DATABASE_URL"] as string) };

/** Background work first, the gateway last. */
const order = ["worker", "command", "query", "gateway"] as const;
const plans: Plan[] = [];
let port = firstPort + 1;
for (const role of order) {
  for (let index = 0; index < Number(values[role]); index += 1) {
    const isFront = role === "gateway" && index === 0;
    plans.push({ name: `${role}-${index + 1}`, role, port: isFront ? firstPort : port++ });
  }
}

/** Variables that differ between the processes, and that of embedded storage, which is not used. */
const ownVariables = ["PORT", "HOST", "OPERATIONS_PORT", "GATEHOUSE_ROLE", "GATEHOUSE_WORKERS", "GATEHOUSE_DATA_DIR"];
const shared: Readonly<Record<string, string>> = {
  PUBLIC_URL: `http://127.0.0.1:${firstPort}`,
  ...inherited(),
  ...known({ ...services, GATEHOUSE_MASTER_KEY: masterKey() }),
};
/** Variables that a gateway does not get, so that an attacker in it finds neither data nor keys. */
const notForTheGateway = [
  "DATABASE_URL",
  "DATABASE_READ_URL",
  "GATEHOUSE_MASTER_KEY",
  "GATEHOUSE_MASTER_KEYS_OLD",
  "GATEHOUSE_ADMIN_EMAIL",
  "GATEHOUSE_ADMIN_PASSWORD",
  "SMTP_URL",
  "BILLING_TOKEN",
];
const members = plans.map((plan) => new Member(plan, environmentOf(plan.role)));
let ending = false;
process.on("SIGINT", () => void end("", 0));
process.on("SIGTERM", () => void end("", 0));
try {
  // One after the other: the first migrates the schema, and each finds the processes that it calls.
  for (const member of members) await member.start();
  print();
} catch (error) {
  await end((error as Error).message, 1);
}

/** Ends the processes, the gateway first. */
async function end(why: string, code: number): Promise<void> {
  if (ending) return;
  ending = true;
  if (why !== "") process.stderr.write(`${why}\n`);
  process.stdout.write("\nstopping\n");
  for (const member of members.toReversed()) await member.stop();
  process.exit(code);
}

/** A refusal of PostgreSQL ends the program with a message and exit code 69 (EX_UNAVAILABLE). */
async function preparedDatabase(url: string): Promise<string> {
  try {
    return await prepareDatabase(url);
  } catch (error) {
    process.stderr.write(`PostgreSQL at ${withoutPassword(url)} refuses: ${(error as Error).message} (DATABASE_URL names another)\n`);
    process.exit(69);
  }
}

/** Invalid options end the program with a message and exit code 64 (EX_USAGE). */
function options() {
  try {
    const parsed = parseArgs({ options: { ...counts, ...more } });
    for (const [name, value] of Object.entries(parsed.values)) {
      const limit = name === "port" ? 65_000 : 16;
      if (!/^[1-9]\d*$/.test(value) || Number(value) > limit)
        throw new Error(`--${name} takes a number from 1 to ${limit}, not "${value}".`);
    }
    return parsed;
  } catch (error) {
    process.stderr.write(
      `${(error as Error).message}\nnpm run stack -- [--query N] [--command N] [--worker N] [--gateway N] [--port 8080]\n`,
    );
    process.exit(64);
  }
}

/** The environment of a role's processes. A gateway has the key of messages between processes, but not the master key. */
function environmentOf(role: string): Record<string, string> {
  if (role !== "gateway") return shared;
  const [{ key }] = transportKeysOf(aesKeys(decodeMasterKey(shared["GATEHOUSE_MASTER_KEY"] as string, "GATEHOUSE_MASTER_KEY"))) as [
    DerivedKey,
  ];
  const passed = Object.entries(shared).filter(([name]) => !notForTheGateway.includes(name));
  return { GATEHOUSE_TRANSPORT_KEY: key.toString("base64"), ...Object.fromEntries(passed) };
}

/** Variables of the environment other than the services, such as SMTP_URL, NATS_PREFIX or OTEL_EXPORTER_OTLP_ENDPOINT. */
function inherited(): Record<string, string> {
  const named = variables.map(({ name }) => name).filter((name) => !ownVariables.includes(name) && !(name in services));
  return Object.fromEntries(named.flatMap((name) => (process.env[name] ? [[name, process.env[name] as string]] : [])));
}

/** Leaves out variables that this release does not accept. */
function known(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const taken = (name: string, value: string) =>
    variables.some((variable) => variable.name === name && variable.parse(value) !== undefined);
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined && taken(entry[0], entry[1])),
  );
}

function print(): void {
  const lines = members.map(({ plan, pid }) => `  ${plan.name.padEnd(12)} process ${String(pid).padEnd(8)} http://127.0.0.1:${plan.port}`);
  const rows = Object.entries(services).map(([name, address]) => `  ${name.padEnd(12)} ${withoutPassword(address ?? "in process")}`);
  const inbox = plans.find(({ role }) => role === "command") as Plan;
  process.stdout.write(
    [
      "",
      "Gatehouse runs in these processes (health and metrics at /health/ready and /metrics of each):",
      ...lines,
      "",
      "on these services:",
      ...rows,
      "",
      `  API: http://127.0.0.1:${firstPort}/docs`,
      `  mails: ${shared["SMTP_URL"] === undefined ? `http://127.0.0.1:${inbox.port}/dev/inbox` : "sent to SMTP_URL"}`,
      `  logs: ${stackFolder}/*.log`,
      `  first administrator: ${members.flatMap(({ setUpLink }) => setUpLink ?? [])[0] ?? "there is one already"}`,
      "",
      "A killed process is restarted. Ctrl-C ends all.",
      "",
    ].join("\n"),
  );
}

function withoutPassword(address: string): string {
  if (!URL.canParse(address)) return address;
  const url = new URL(address);
  if (url.password !== "") url.password = "***";
  return url.href;
}
