import { globSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { newAdministrator, newOrganization, newPerson, registration, signIn } from "@gatehouse/testing/people.ts";
import { backend, startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { listensAt, services } from "@gatehouse/testing/services.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { expressions, prometheusFolder } from "./support/rules.ts";
import { readScrape, type Scrape, seriesOf } from "./support/scrape.ts";

/** Set by the scrape's configuration, not by the product. */
const ofScrapes = new Set(["job", "instance", "namespace", "pod", "component", "release"]);
/** Series of Prometheus itself. */
const ofPrometheus = new Set(["up"]);
/** Series that need a configured or lost dependency, with its condition: a run without it does not export them. */
const conditional: Readonly<Record<string, string>> = {
  gatehouse_relay_lag_seconds: "a broker (EVENTS_URL)",
  gatehouse_relay_lag_events: "a broker (EVENTS_URL)",
  gatehouse_database_archive_age_seconds: "a PostgreSQL that archives its WAL",
  gatehouse_database_archive_failures: "a PostgreSQL that archives its WAL",
  gatehouse_database_connections: "PostgreSQL",
};
/** Labels with arbitrary values, such as addresses and statuses. */
const open = new Set(["route", "method", "status"]);

const inputSeries: readonly string[] = globSync("tests/*.yml", { cwd: prometheusFolder }).flatMap((file) =>
  (parse(readFileSync(join(prometheusFolder, file), "utf8")) as { tests: { input_series?: { series: string }[] }[] }).tests.flatMap(
    (test) => (test.input_series ?? []).map(({ series }) => series),
  ),
);

/** A billing service without organizations, so that reconciliation has nothing to do. */
async function silentBilling(): Promise<{ readonly url: string; close(): void }> {
  const server: Server = createServer((_request, response) => response.writeHead(404).end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

// A rule that passes its tests with invented series may never fire on the exported ones.
describe("series that rules, dashboards and their tests name", () => {
  let server: TestServer;
  let scrape: Scrape;
  let billing: Awaited<ReturnType<typeof silentBilling>>;
  let hasBroker: boolean;
  beforeAll(async () => {
    billing = await silentBilling();
    hasBroker = backend === "postgresql" && (await listensAt(services.rabbitmq)) && (await listensAt(services.redis));
    server = await startTestServer({
      BILLING_URL: billing.url,
      // Nothing listens there: its series are exported before anything is sent.
      SMTP_URL: "smtp://127.0.0.1:9",
      ...(hasBroker ? { EVENTS_URL: services.rabbitmq, REDIS_URL: services.redis } : {}),
    });
    await use(server);
    const url = await server.http.listen({ host: "127.0.0.1", port: 0 });
    scrape = readScrape(await (await fetch(`${url}/metrics`)).text());
  });
  afterAll(async () => {
    await server?.close();
    billing?.close();
  });

  /** What a running process does not export of a series; undefined if nothing is missing. */
  function missing({ name, labels }: { name: string; labels: Readonly<Record<string, string>> }): string | undefined {
    if (ofPrometheus.has(name)) return undefined;
    const exported = scrape.get(name);
    if (exported === undefined) return isConditional(name) ? undefined : `${name} is not exported`;
    for (const [label, value] of Object.entries(labels)) {
      if (ofScrapes.has(label)) continue;
      const values = exported.get(label);
      if (values === undefined) return `${name} has no label ${label}`;
      if (!open.has(label) && !values.has(value) && !isDeclared(label, value, labels)) return `${name} has no ${label}="${value}"`;
    }
    return undefined;
  }
  const present = () => ({ "a broker": hasBroker, PostgreSQL: backend === "postgresql" });
  const isConditional = (name: string): boolean => {
    const needs = conditional[name];
    return needs !== undefined && !Object.entries(present()).some(([what, here]) => here && needs.startsWith(what));
  };
  /** An outcome that this run has not produced: an internal error, or a declared error of the operation. */
  const isDeclared = (label: string, value: string, { operation }: Readonly<Record<string, string>>): boolean => {
    if (label === "dependency") return !hasBroker && (value === "redis" || value === "messageBroker");
    if (label !== "outcome" || operation === undefined) return false;
    const declared = server.application.catalogue.byName.get(operation);
    return (
      value === "internal_error" ||
      value.startsWith("common.") ||
      value.startsWith("auth.") ||
      declared?.errors.some(({ code }) => code === value) === true
    );
  };

  it("a running process exports each series of the rules' tests", () => {
    expect(inputSeries.length).toBeGreaterThan(100);
    expect([...new Set(inputSeries.flatMap((series) => missing(seriesOf(series)) ?? []))]).toEqual([]);
  });

  it("a running process exports each value that a rule or a dashboard selects", () => {
    const wrong = expressions.flatMap(({ where, expr }) =>
      [...expr.matchAll(/\b(gatehouse_\w+)\{([^}]*)\}/g)].flatMap(([, name = "", selector = ""]) =>
        [...selector.matchAll(/(\w+)\s*(=~|=)\s*"((?:[^"\\]|\\.)*)"/g)].flatMap(([, label = "", operator, value = ""]) => {
          if (open.has(label) || label === "outcome" || ofScrapes.has(label) || value.includes("$")) return [];
          const values = [...(scrape.get(name)?.get(label) ?? [])];
          const alternatives = operator === "=" ? [value] : value.split("|");
          const matches = values.some((each) => (operator === "=" ? each === value : new RegExp(`^(?:${value})$`).test(each)));
          const conditionally = isConditional(name) || alternatives.every((each) => isDeclared(label, each, {}));
          return matches || conditionally ? [] : [`${where}: ${name} has no ${label}${operator}"${value}"`];
        }),
      ),
    );
    expect([...new Set(wrong)]).toEqual([]);
  });
});

/** Calls of every kind, with each outcome that rules select. */
async function use(server: TestServer): Promise<void> {
  await newAdministrator(server);
  const { owner, id } = await newOrganization(server);
  await server.call("PUT /api/v1/iam/users/me", { token: owner.token, body: { firstName: "Ada" } });
  const { items } = (await server.call(`GET /api/v1/iam/organizations/${id}/memberships`, { token: owner.token })).body;
  const removal = await server.call(`DELETE /api/v1/iam/organizations/${id}/memberships/${items[0].id}`, { token: owner.token });
  expect(removal.body.error.code).toBe("tenancy.last_owner");
  await server.call(`POST /api/v1/iam/organizations/${id}/invitations`, { token: owner.token, body: { email: "not an address" } });
  await server.call(`GET /api/v1/iam/grants?organizationId=${id}`, { token: owner.token });
  await server.call("POST /api/v1/iam/authorization/check", {
    token: owner.token,
    body: { userId: owner.id, tenantId: id, actionType: "Organization.Update" },
  });
  await server.call("POST /api/v1/iam/auth/register", { body: registration() });
  const person = await newPerson(server);
  await signIn(server, person.email);
  await server.application.settled();
}
