import { anAddress, newOrganization, newPerson, registration } from "@gatehouse/testing/people.ts";
import { startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { servicesAsked } from "@gatehouse/testing/services.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Prometheus, prometheusInstalled, startPrometheus } from "./support/prometheus.ts";
import { expressions } from "./support/rules.ts";

/** Panels that must have data after some use. An expression over an unset label would have none. */
const core = [
  "rbac_cache_hit_ratio",
  "login_success_rate",
  "active_sessions_count",
  "requests_per_second",
  "Gatehouse: Service overview, Processes ready",
  "Gatehouse: Service overview, Roles",
  "Gatehouse: Service overview, Dependencies",
  "Gatehouse: Service overview, Requests by status",
  "Gatehouse: Service overview, Latency",
  "Gatehouse: Service overview, Processor",
  "Gatehouse: Query, Decisions",
  "Gatehouse: Query, Check latency",
  "Gatehouse: Query, Entries found in",
  "Gatehouse: Command, Commands",
  "Gatehouse: Command, Success rate",
  "Gatehouse: Command, Events appended",
  "Gatehouse: Command, Transaction time, p95",
  "Gatehouse: Background, Events handled",
  "Gatehouse: Background, From event to effect, p95",
  "Gatehouse: Background, Jobs done",
  "Gatehouse: Background, Lag",
  "Gatehouse: Business, Users",
  "Gatehouse: Business, Organizations",
  "Gatehouse: Business, Sign-ins",
];

// Prometheus may be missing; the other tests check the form of the rules without it.
describe.skipIf(!servicesAsked || !prometheusInstalled())(
  "a Prometheus that scrapes a running server (skipped where prometheus is not installed; npm run test:services runs it)",
  () => {
    let server: TestServer;
    let prometheus: Prometheus;
    beforeAll(async () => {
      server = await startTestServer({ GATEHOUSE_SIGN_IN_LIMIT: "off" });
      const url = new URL(await server.http.listen({ host: "127.0.0.1", port: 0 }));
      prometheus = await startPrometheus(url.host);
      await use(server);
    });
    afterAll(async () => {
      await prometheus?.close();
      await server?.close();
    });

    const ask = (query: string) => prometheus.get("/api/v1/query", { query });
    const scrapes = async (): Promise<number> => {
      const { data } = await ask('sum_over_time(up{job="gatehouse"}[1m])').catch(() => ({ data: { result: [] } }));
      return Number(data.result[0]?.value[1] ?? 0);
    };

    it("Prometheus scrapes the metrics of a running process", async () => {
      await expect.poll(scrapes, { timeout: 20_000 }).toBeGreaterThan(0);
    });

    it("Prometheus parses every expression of alerts, rules and dashboards", async () => {
      for (const { where, expr } of expressions) expect(await ask(expr), where).toMatchObject({ status: "success" });
    });

    it("Prometheus evaluates every rule without an error", async () => {
      const health = async () => {
        const { data } = await prometheus.get("/api/v1/rules");
        const rules: { name: string; health: string; lastError?: string }[] = data.groups.flatMap(
          (group: { rules: unknown[] }) => group.rules,
        );
        return rules.filter((rule) => rule.health !== "ok").map(({ name, lastError }) => `${name} ${lastError ?? "not evaluated"}`);
      };
      await expect.poll(health, { timeout: 20_000 }).toEqual([]);
    });

    it.each(core)("Prometheus has data for %s", async (name) => {
      const found = expressions.filter(({ where }) => where === name);
      expect(found.length).toBeGreaterThan(0);
      for (const { expr } of found) {
        const values = async () => {
          // A rate needs two scrapes with a change in between.
          await use(server);
          const { data } = await ask(expr);
          return (data.result as { value: [number, string] }[]).filter(({ value }) => Number.isFinite(Number(value[1]))).length;
        };
        await expect.poll(values, { timeout: 20_000, interval: 500 }).toBeGreaterThan(0);
      }
    });
  },
);

/** A user registers, signs in, creates an organization and checks permissions. */
async function use(server: TestServer): Promise<void> {
  await server.call("POST /api/v1/iam/auth/register", { body: registration(), from: anAddress() });
  const person = await newPerson(server);
  await newOrganization(server, person);
  for (const actionType of ["User.Read", "Organization.Update"]) {
    await server.call("POST /api/v1/iam/authorization/check", { token: person.token, body: { userId: person.id, actionType } });
  }
}
