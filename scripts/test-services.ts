/**
 * `npm run test:services`: the suites on real services, in turns: everything on PostgreSQL with each adapter on its service;
 * the operations by status with every role in a process of its own behind NATS; the races on a database with settings of its own, and
 * operations behind PgBouncer; the faults of tests/chaos in their short form.
 * A service that is installed and does not run is started for the run; one that is missing is named, and fails the run where
 * CI=true says that all must be there.
 */
import { startPgbouncer, whyNoPgbouncer } from "../packages/server/src/platform/contract/pgbouncer.ts";
import { listensAt, type Service as ServiceName, services } from "../packages/server/src/testing/services.ts";
import type { Service } from "../tests/chaos/support/service.ts";
import { found, openNats, openPostgres, openRabbitmq, openRedis } from "../tests/chaos/support/services.ts";
import { runSuite } from "./suite.ts";

interface Needed {
  readonly name: ServiceName;
  readonly variable: string;
  /** What has to be installed to start one. */
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

/** Fewer than the processes of a test file open without a pooler (two pools of ten), so that they do share. */
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

const turns: readonly Turn[] = [
  {
    what: "everything, on the services",
    // The faults have a turn of their own; what looks at manifests, alert rules and containers asks none of the services.
    args: ["tests/chaos/**", "tests/deployment/**", "tests/operations/rules.test.ts", "tests/operations/thresholds.test.ts"].map(
      (files) => `--exclude=${files}`,
    ),
    more: {},
  },
  {
    what: "the operations by status, with each role in a process of its own",
    // Those of the bounded contexts; what looks into one process (its kernel, its notes, its metrics) has run in the turn before.
    args: ["access", "authentication", "entitlements", "identity", "sessions", "tenancy"].map(
      (name) => `packages/server/src/modules/${name}/`,
    ),
    more: { TEST_TOPOLOGY: "distributed" },
    needs: "nats",
  },
  {
    what: "what runs at once, on a database that brings settings of its own along",
    args: ["tests/hostile/23-", "tests/hostile/24-", "tests/hostile/style-10-"],
    more: { TEST_DATABASE_SETTINGS: "foreign" },
  },
  {
    // Half a minute: every operation of a context, with mails from the job queue and sessions.
    what: "operations by status, behind PgBouncer in transaction mode",
    args: ["packages/server/src/modules/tenancy/", "packages/server/src/modules/sessions/"],
    more: {},
    pooled: true,
  },
  { what: "faults, in their short form", args: ["tests/chaos"], more: {} },
];

process.exitCode = 0;
if (missing.length > 0 && process.env["CI"] === "true") process.exitCode = 1;
else if (missing.includes("postgresql")) say("nothing to run without PostgreSQL");
else for (const turn of turns) await runTurn(turn);
// What was started for the run ends with this process.
process.exit();

interface Turn {
  readonly what: string;
  readonly args: string[];
  readonly more: object;
  readonly needs?: string;
  /** Whether its servers reach the database through a PgBouncer, which is started for the turn. */
  readonly pooled?: boolean;
}

async function runTurn({ what, args, more, needs, pooled }: Turn): Promise<void> {
  if (needs !== undefined && missing.includes(needs as ServiceName)) return say(`skipped: ${what}, for want of ${needs}`);
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
