import { accessSync, constants, existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { sql } from "kysely";
import type { Logger } from "pino";
import { pendingSteps } from "../../platform/database/migrations.ts";
import { openPostgresql } from "../../platform/database/postgresql.ts";
import { smtpMail } from "../../platform/mail/smtp.ts";
import type { RedisAddress } from "../../platform/redis/address.ts";
import { type Configuration, readConfiguration } from "../configuration.ts";
import { schemaSteps } from "../modules.ts";
import { openLogger, openRpc, openServiceOfEvents } from "../ports.ts";
import { causeOf } from "./cause.ts";
import type { Command } from "./command.ts";
import { runningServer } from "./reach.ts";

interface Finding {
  readonly ok: boolean;
  readonly what: string;
}

const good = (what: string): Finding => ({ ok: true, what });
const bad = (what: string): Finding => ({ ok: false, what });

export const doctorCommand: Command = {
  words: ["doctor"],
  usage: "gatehouse doctor",
  does: "Look at everything that a start depends on and say what is wrong.\nChanges nothing; exits 1 when something is wrong.",
  async run() {
    const configuration = readConfiguration(process.env);
    const findings = [
      good(`Node ${process.versions.node}`),
      good("the configuration can be read"),
      ...(configuration.databaseUrl === undefined ? await embeddedStorage(configuration) : await postgresql(configuration.databaseUrl)),
      ...(await services(configuration)),
      ...(await mail(configuration)),
    ];
    for (const { ok, what } of findings) process.stdout.write(`${ok ? "ok   " : "WRONG"} ${what}\n`);
    if (findings.some(({ ok }) => !ok)) process.exitCode = 1;
  },
};

async function embeddedStorage(configuration: Configuration): Promise<readonly Finding[]> {
  const { dataDir } = configuration;
  if (dataDir === "memory") return [good("storage in memory: nothing is kept")];
  const holder = runningServer(configuration);
  if (holder) return [good(`a server runs on ${dataDir} (process ${holder.pid})`), await readiness(holder.url)];
  if (!existsSync(dataDir)) return [good(`${dataDir} does not exist yet; the first start makes it`)];
  const findings: Finding[] = [];
  try {
    accessSync(dataDir, constants.R_OK | constants.W_OK);
    findings.push(good(`${dataDir} can be read and written; no server runs on it`));
  } catch {
    findings.push(bad(`${dataDir} cannot be read and written by this user`));
  }
  const key = join(dataDir, "master.key");
  if (existsSync(key) && (statSync(key).mode & 0o077) !== 0) findings.push(bad(`${key} can be read by others: chmod 600 ${key}`));
  return findings;
}

async function readiness(url: string): Promise<Finding> {
  try {
    const response = await fetch(new URL("/health/ready", url), { signal: AbortSignal.timeout(3_000) });
    return response.ok ? good(`it is ready at ${url}`) : bad(`it is not ready: ${await response.text()}`);
  } catch (error) {
    return bad(`it does not answer at ${url}: ${(error as Error).message}`);
  }
}

async function postgresql(url: string): Promise<readonly Finding[]> {
  const database = openPostgresql({ url, poolSize: 1 });
  try {
    const { rows } = await sql<{ version: number; bypasses: boolean; may: boolean }>`
      select current_setting('server_version_num')::int as version, rolsuper or rolbypassrls as bypasses,
        rolsuper or rolcreaterole or exists (select from pg_roles where rolname = 'gatehouse_app') as may
      from pg_roles where rolname = current_user`.execute(database.owner);
    const found = rows[0] as { version: number; bypasses: boolean; may: boolean };
    const pending = await pendingSteps(database.owner, schemaSteps);
    return [
      found.version >= 150_000 ? good("PostgreSQL answers") : bad("PostgreSQL is older than 15"),
      found.bypasses && !found.may
        ? bad("the login bypasses row-level security and cannot make the role gatehouse_app: use one that does neither")
        : good(
            found.bypasses
              ? "the login bypasses row-level security; transactions step down to gatehouse_app"
              : "the login is held by row-level security",
          ),
      good(pending.length === 0 ? "the schema is up to date" : `${pending.length} steps of the schema are pending; a start applies them`),
    ];
  } catch (error) {
    return [bad(`PostgreSQL does not answer: ${causeOf(error as Error)}`)];
  } finally {
    await database.close();
  }
}

/** What is asked of a service that is configured, and of none that is not. */
async function services(configuration: Configuration): Promise<readonly Finding[]> {
  const { natsUrl, redis, eventsUrl } = configuration;
  const logger = openLogger({ ...configuration, logLevel: "silent" });
  return [
    ...(natsUrl === undefined ? [] : [await answers("NATS", "NATS_URL", () => openRpc(configuration, logger))]),
    ...(redis === undefined ? [] : [await answers("Redis", "REDIS_URL", () => openRedisOf(redis, logger))]),
    ...(eventsUrl === undefined
      ? []
      : [await answers("the events' broker", "EVENTS_URL", () => openServiceOfEvents(eventsUrl, configuration, logger))]),
  ];
}

interface Service {
  ping(): Promise<void>;
  close(): Promise<void>;
}

async function answers(name: string, variable: string, open: () => Promise<Service>): Promise<Finding> {
  try {
    const service = await open();
    try {
      await service.ping();
      return good(`${name} answers`);
    } finally {
      await service.close();
    }
  } catch (error) {
    return bad(`${name} does not answer (${variable}): ${causeOf(error as Error)}`);
  }
}

async function mail({ smtpUrl, mailFrom }: Configuration): Promise<readonly Finding[]> {
  if (smtpUrl === undefined) return [good("no SMTP_URL: mails are shown at /dev/inbox")];
  const transport = smtpMail(smtpUrl, mailFrom);
  try {
    await transport.ping();
    return [good("the SMTP server answers")];
  } catch (error) {
    return [bad(`the SMTP server does not answer: ${(error as Error).message}`)];
  } finally {
    await transport.close();
  }
}

/** Loaded where it is configured, as a start does. */
const openRedisOf = async (address: RedisAddress, logger: Logger) =>
  (await import("../../platform/redis/client.ts")).connectRedis(address, logger);
