import { eventually } from "@gatehouse/testing/eventually.ts";
import { type Wire, wireTo } from "@gatehouse/testing/proxy.ts";
import { startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type SmtpReceiver, smtpReceiver } from "#platform/mail/conformance/smtp-receiver.ts";
import { policies, retrySchedules } from "#platform/resilience/policies.ts";

let receiver: SmtpReceiver;
let wire: Wire;
let server: TestServer;
beforeAll(async () => {
  receiver = await smtpReceiver();
  wire = await wireTo(receiver.url);
  server = await startTestServer({ SMTP_URL: wire.url, MAIL_FROM: "no-reply@gatehouse.example", GATEHOUSE_SIGN_IN_LIMIT: "off" });
});
afterAll(async () => {
  await server?.close();
  await wire?.close();
  await receiver?.close();
});

/** Two more than the failures that open the circuit breaker. */
const people = Array.from({ length: policies.smtp.breaker.failures + 2 }, (_, index) => `person-${index}@example.com`);
const register = async (email: string): Promise<void> => {
  const body = { email, password: "a quiet green harbour", firstName: "Ada", lastName: "Byron", locale: "en" };
  expect((await server.call("POST /api/v1/iam/auth/register", { body })).status).toBe(201);
};
const jobs = async () =>
  (
    await sql<{ state: string; tries: number; most: number; longest: number }>`
      select state, retry_count as tries, retry_limit as most, retry_delay_max as longest from jobs.job
      where name = 'notifications.send-mail'`.execute(server.application.platform.database.owner)
  ).rows;
const metric = async (line: string): Promise<number> =>
  Number(new RegExp(`^${line.replaceAll(/[{}]/g, "\\$&")} (\\d+)$`, "m").exec((await server.call<string>("GET /metrics")).body)?.[1]);

it("mails wait for days while the mail server is unavailable, show in the metrics, and are all sent when it is available again", {
  timeout: 120_000,
}, async () => {
  expect(await metric('gatehouse_circuit_open{dependency="smtp"}')).toBe(0);
  await wire.cut();
  for (const email of people) await register(email);
  await eventually(() => metric('gatehouse_circuit_open{dependency="smtp"}')).toBe(1);
  await eventually(async () => (await jobs()).map(({ state }) => state)).toEqual(people.map(() => "retry"));
  for (const { most, longest } of await jobs()) {
    expect(most).toBe(retrySchedules.mail.times);
    expect(most * longest).toBeGreaterThan(3 * 24 * 3_600);
  }
  expect(await metric('gatehouse_dependency_calls_total{dependency="smtp",outcome="failed"}')).toBe(policies.smtp.breaker.failures);
  const background = await server.call("GET /health/background");
  expect(background).toMatchObject({ status: 200, body: { status: "UP", degraded: ["mail"], components: { mail: { status: "DOWN" } } } });

  await wire.mend();
  const { openMs } = policies.smtp.breaker;
  const resent = async () => {
    await sql`update jobs.job set start_after = now() where name = 'notifications.send-mail' and state = 'retry'`.execute(
      server.application.platform.database.owner,
    );
    return receiver.received.flatMap(({ to }) => to).toSorted();
  };
  await expect.poll(resent, { timeout: openMs + 40_000, interval: 500 }).toEqual(people.toSorted());
  expect(await metric('gatehouse_circuit_open{dependency="smtp"}')).toBe(0);
  expect((await server.call("GET /health/background")).body.components["mail"].status).toBe("UP");
});

it("a mail whose address the server permanently refuses fails without a retry and stays in the queue as failed", async () => {
  receiver.refuse("RCPT TO:<NOBODY@", "550 no such user");
  await register("nobody@example.com");
  await eventually(async () => (await jobs()).filter(({ state }) => state === "failed").map(({ tries }) => tries)).toEqual([0]);
});
