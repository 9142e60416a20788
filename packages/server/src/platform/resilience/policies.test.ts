import { readdirSync, readFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { bulkheads, type PolicyName, policies, retrySchedules, signs } from "./policies.ts";
import type { PolicyRow } from "./policy.ts";

const source = fileURLToPath(new URL("../../", import.meta.url));
const shipped = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !file.includes("/conformance/") && !file.startsWith("testing/"))
  .map((file) => ({ file, text: readFileSync(source + file, "utf8") }));
const rows = Object.entries(policies) as [PolicyName, PolicyRow][];

/** Packages of the server that open no connection. */
const inside = new Set([
  "@electric-sql/pglite",
  "@gatehouse/policy",
  "@node-rs/argon2",
  "@node-rs/bcrypt",
  "@opentelemetry/api",
  "@opentelemetry/resources",
  "@opentelemetry/sdk-trace",
  "@zxcvbn-ts/language-common",
  "cockatiel",
  "cookie",
  "fast-json-stringify",
  "fastify",
  "i18n-iso-countries",
  // Their remote key sets are not used.
  "jose",
  "kysely",
  // Calls a server in the process.
  "light-my-request",
  "lru-cache",
  // It fetches by the function that it is given: that of guarded-fetch.ts.
  "oidc-provider",
  "pino",
  "prom-client",
  "swagger-ui-dist",
  "typebox",
  "uuid",
]);

/** Every file that calls something outside of the process, and the rows with its limits. */
const ways: Readonly<Record<string, readonly PolicyName[] | { readonly without: string }>> = {
  "modules/organization/entitlements/billing/client.ts": ["billing.api"],
  "platform/broker/jetstream-consumer.ts": { without: "it receives messages on the connection of jetstream.ts, and blocks no caller" },
  "platform/broker/jetstream-dead-letters.ts": ["broker.dead-letters"],
  "platform/broker/jetstream-lease.ts": { without: "it belongs to the consumer" },
  "platform/broker/jetstream-streams.ts": ["broker.publish"],
  "platform/broker/jetstream.ts": ["nats.connection", "broker.connection", "broker.publish"],
  "platform/broker/kafka-consumer.ts": { without: "it receives messages, and blocks no caller; its group's session ends it" },
  "platform/broker/kafka-dead-letters.ts": ["broker.dead-letters"],
  "platform/broker/kafka-topics.ts": ["broker.connection"],
  "platform/broker/kafka.ts": ["broker.connection", "broker.publish"],
  "platform/broker/rabbitmq.ts": ["broker.connection", "broker.publish"],
  "platform/database/engine.ts": ["postgresql.connection", "postgresql.primary"],
  "platform/database/pooler.ts": ["postgresql.connection"],
  "platform/database/postgresql.ts": ["postgresql.primary", "postgresql.replica", "postgresql.connection"],
  "platform/jobs/connection.ts": ["postgresql.jobs"],
  "platform/jobs/pg-boss.ts": ["postgresql.jobs", "postgresql.connection"],
  "platform/limits/limits.ts": { without: "it counts in the process" },
  "platform/limits/redis.ts": ["redis.limits"],
  "platform/log/database-away.ts": ["postgresql.refusal"],
  "platform/mail/smtp.ts": ["smtp", "smtp.connection"],
  "platform/network/address-ranges.ts": { without: "it compares addresses with ranges, and opens no connection" },
  "platform/network/address.ts": { without: "it parses addresses, and opens no connection" },
  "platform/network/guarded-fetch.ts": ["openid.clients"],
  "platform/network/networks.ts": { without: "it matches addresses with networks, and opens no connection" },
  "platform/redis/client.ts": ["redis.connection"],
  "platform/rpc/nats-messages.ts": { without: "it encrypts and decrypts messages on the connection of nats.ts" },
  "platform/rpc/nats.ts": ["nats.connection", "rpc.query", "rpc.command"],
  "platform/telemetry/otlp.ts": ["otlp.export"],
  "runtime/cli/doctor/data-directory.ts": { without: "the command line calls its own server, with its own limit; a person waits" },
  "runtime/cli/call-operation.ts": { without: "the command line calls its own server; a person waits" },
};

/** Rows of calls on connections that another file opens. */
const throughOthers: readonly PolicyName[] = ["redis.cache", "redis.cache.writer", "redis.peer-detector"];

const dependencies = Object.keys(
  (JSON.parse(readFileSync(`${source}../package.json`, "utf8")) as { readonly dependencies: object }).dependencies,
);
const outside = dependencies.filter((name) => !inside.has(name));
const imported = (name: string) =>
  new RegExp(`^(import|export) (?!type )[^;]*from "${name.replaceAll("/", "\\/")}(/[^"]*)?"|import\\("${name}`, "m");
/** Node's own clients. `fetch` without an argument is the declaration of a method, because the global one needs a URL. */
const byItself =
  /^import (?!type )(?!\{ isIP \})[^;]*from "node:(net|tls|http|https|http2|dns|dgram)(\/promises)?"|(?<![.#\w])(?<!async )\bfetch\((?!\))|new WebSocket\(/m;

const reaches = (text: string): boolean => byItself.test(text) || outside.some((name) => imported(name).test(text));

describe("the policies table", () => {
  it.each(rows)("gives a reason for each number and each omission of %s", (_name, row) => {
    expect(row.why.length).toBeGreaterThan(40);
    expect(row.timeLimitMs).toBeGreaterThan(0);
    for (const bound of [row.retries, row.breaker, row.bulkhead]) {
      if ("none" in bound) expect(bound.none.length).toBeGreaterThan(10);
      else for (const number of Object.values(bound)) expect(number).toBeGreaterThan(0);
    }
  });

  it("gives a reason for each related setting", () => {
    for (const { why } of [...Object.values(bulkheads), ...Object.values(retrySchedules), signs]) expect(why.length).toBeGreaterThan(40);
  });

  it("has a row for every outgoing connection: a new client, or a new file that uses one, fails here", () => {
    const found = shipped.filter(({ text }) => reaches(text)).map(({ file }) => relative(".", file));
    expect(found.toSorted()).toEqual(Object.keys(ways).toSorted());
    const named = new Set([...Object.values(ways).flatMap((way) => ("without" in way ? [] : way)), ...throughOthers]);
    expect([...named].toSorted()).toEqual(rows.map(([name]) => name).toSorted());
  });

  it("is the source of the code's numbers: every row is used", () => {
    const used = shipped.map(({ text }) => text).join("\n");
    const unused = rows.map(([name]) => name).filter((name) => !used.includes(`policies["${name}"]`) && !used.includes(`guard("${name}"`));
    // By kind: `rpc.${kind}`.
    expect(unused.filter((name) => !name.startsWith("rpc."))).toEqual([]);
  });
});
