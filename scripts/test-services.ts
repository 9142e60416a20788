/**
 * `npm run test:services`: the suites on real services, in turns (turns.ts).
 * An installed service that does not run is started for the run; a missing one is named, and fails the run with CI=true.
 */

import type { Service } from "@gatehouse/testing/own-service.ts";
import { found, openNats, openPostgres, openRabbitmq, openRedis } from "@gatehouse/testing/own-services.ts";
import { startPgbouncer, whyNoPgbouncer } from "@gatehouse/testing/pgbouncer.ts";
import { listensAt, type Service as ServiceName, services } from "@gatehouse/testing/services.ts";
import { runSuite } from "./suite.ts";
import { type Turn, turns } from "./turns.ts";

interface Needed {
  readonly name: ServiceName;
  readonly variable: string;
  /** The program that must be installed to start one. */
  readonly program?: string;
  readonly open?: () => Promise<Service>;
}

const needed: readonly Needed[] = [
  { name: "postgresql", variable: "TEST_DATABASE_URL", program: "initdb", open: openPostgres },
  { name: "redis", variable: "TEST_REDIS_URL", program: "redis-server", open: openRedis },
  { name: "nats", variable: "TEST_NATS_URL", program: "nats-server", open: openNats },
  { name: "rabbitmq", variable: "TEST_RABBITMQ_URL", program: "rabbitmq-server", open: openRabbitmq },
  { name: "mariadb", variable: "TEST_MARIADB_URL" },
];

/** Fewer than the processes of a test file open without a pooler (two pools of ten), so that they share connections. */
const pooledConnections = 8;

const environment: Record<string, string> = { TEST_BACKEND: "postgresql" };
const missing: string[] = [];
for (const { name, variable, program, open } of needed) {
  if (await listensAt(services[name])) {
    say(`${name} answers`);
    continue;
  }
  if (open === undefined || program === undefined || found(program) === undefined) {
    missing.push(name);
    say(`missing: ${name} at ${new URL(services[name]).host} (${variable} names another)`);
    continue;
  }
  const started = await open();
  environment[variable] = started.url;
  say(`${name} did not run: started for this run`);
}

process.exitCode = 0;
if (missing.length > 0 && process.env["CI"] === "true") process.exitCode = 1;
else if (missing.includes("postgresql")) say("nothing to run without PostgreSQL");
else for (const turn of turns) await runTurn(turn);
// Services of the run end with this process.
process.exit();

async function runTurn({ what, args, more, needs, pooled }: Turn): Promise<void> {
  if (needs !== undefined && missing.includes(needs as ServiceName)) return say(`skipped: ${what}, because ${needs} is missing`);
  if (pooled && whyNoPgbouncer !== undefined) return say(`skipped: ${what}, because ${whyNoPgbouncer}`);
  say(`\n${what}`);
  const server = environment["TEST_DATABASE_URL"] ?? services.postgresql;
  const pooler = pooled ? await startPgbouncer(server, pooledConnections) : undefined;
  const through = pooler === undefined ? {} : { TEST_DATABASE_POOLER: pooler.urlOf(server) };
  if (!(await runSuite(args, { ...environment, ...more, ...through }))) process.exitCode = 1;
  await pooler?.close();
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
