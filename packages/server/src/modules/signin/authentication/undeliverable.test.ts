import { expectError, expectWritten } from "@gatehouse/testing/answers.ts";
import { anAddress, newAdministrator, newPerson, registration, unique } from "@gatehouse/testing/people.ts";
import { startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type SmtpReceiver, smtpReceiver } from "#platform/mail/conformance/smtp-receiver.ts";

let receiver: SmtpReceiver;
let server: TestServer;
beforeAll(async () => {
  receiver = await smtpReceiver();
  server = await startTestServer({ SMTP_URL: receiver.url, MAIL_FROM: "no-reply@gatehouse.example" });
});
afterAll(async () => {
  await server?.close();
  await receiver?.close();
});

const me = async (token: string) => (await server.call("GET /api/v1/iam/users/me", { token })).body;
const post = (path: string, token?: string, body?: object) =>
  server.call(`POST /api/v1/${path}`, {
    from: anAddress(),
    ...(token === undefined ? {} : { token }),
    ...(body === undefined ? {} : { body }),
  });
const mailsTo = (email: string) => receiver.received.filter(({ to }) => to.includes(email)).length;

it("a user with an unknown mailbox is shown as undeliverable until a mail is accepted", async () => {
  const { token: administrator } = await newAdministrator(server);
  const person = await newPerson(server, "gone");
  const session = async () => (await server.call("GET /api/v1/iam/auth/session", { token: person.token })).body.user.emailUndeliverableAt;
  const seen = async () => (await server.call(`GET /api/v1/users/${person.id}`, { token: administrator })).body.emailUndeliverableAt;
  expect([await seen(), await session(), (await me(person.token)).emailUndeliverableAt]).toEqual([null, null, null]);

  receiver.refuse(`RCPT TO:<${person.email.toUpperCase()}`, "550 5.1.1 no such user");
  await post("iam/auth/forgot-password", undefined, { email: person.email });
  await expect.poll(seen, { timeout: 10_000 }).toMatch(/^\d{4}-\d\d-\d\dT/);
  expect((await me(person.token)).emailUndeliverableAt).toBe(await seen());
  await expect.poll(session, { timeout: 5_000 }).toBe(await seen());

  // Sent again while the mailbox still refuses: the flag is set again.
  const before = await seen();
  expectWritten(await post(`users/${person.id}/resend-mail`, administrator), 202);
  await expect.poll(async () => ![null, before].includes(await seen()), { timeout: 10_000 }).toBe(true);

  receiver.accept(`RCPT TO:<${person.email.toUpperCase()}`);
  expectWritten(await post("iam/users/me/resend-mail", person.token), 202);
  await expect.poll(() => mailsTo(person.email), { timeout: 10_000 }).toBe(1);
  expect(await seen()).toBeNull();
});

it("an undeliverable confirmation link is sent again by an administrator and by the user", async () => {
  const { token: administrator } = await newAdministrator(server);
  const body = registration({ email: `late-${unique()}@example.com` });
  receiver.refuse(`RCPT TO:<${body.email.toUpperCase()}`, "550 5.1.1 no such user");
  expectWritten(await post("iam/auth/register", undefined, body), 201);
  const found = async () => (await server.call(`GET /api/v1/users?email=${body.email}`, { token: administrator })).body.items[0];
  await expect.poll(async () => (await found()).emailUndeliverableAt, { timeout: 10_000 }).not.toBeNull();
  receiver.accept(`RCPT TO:<${body.email.toUpperCase()}`);
  expectWritten(await post(`users/${(await found()).id}/resend-mail`, administrator), 202);
  await expect.poll(() => mailsTo(body.email), { timeout: 10_000 }).toBe(1);
  expectWritten(await post("iam/auth/resend-confirmation", undefined, { email: body.email }), 202);
  await expect.poll(() => mailsTo(body.email), { timeout: 10_000 }).toBe(2);
  const token = /token=([\w-]{43})/.exec(receiver.received.find(({ to }) => to.includes(body.email))?.text ?? "")?.[1];
  const confirmed = await post("iam/auth/verify-email", undefined, { token, password: body.password });
  expect(confirmed.body).toMatchObject({ status: "Active", emailUndeliverableAt: null });
});

it("a policy refusal or a temporary refusal does not make a mailbox undeliverable", async () => {
  for (const reply of ["550 5.7.1 relaying denied", "451 4.7.1 try again later"]) {
    const person = await newPerson(server, "policy");
    receiver.refuse(`RCPT TO:<${person.email.toUpperCase()}`, reply);
    await post("iam/auth/forgot-password", undefined, { email: person.email });
    const failedJobs = async () => {
      const { rows } = await sql<{ count: number }>`select count(*)::int as count from jobs.job
        where name = 'notifications.send-mail' and state in ('failed', 'retry')`.execute(server.application.platform.database.owner);
      return rows[0]?.count;
    };
    await expect.poll(failedJobs, { timeout: 10_000 }).toBeGreaterThan(0);
    expect((await me(person.token)).emailUndeliverableAt).toBeNull();
  }
});

it("sending a mail again is rate-limited, requires an administrator, and refuses an unknown user", async () => {
  const { token: administrator } = await newAdministrator(server);
  const person = await newPerson(server, "often");
  expectError(await post(`users/${person.id}/resend-mail`, person.token), 403, "auth.permission_denied");
  expectError(await post("users/0198c0de-0000-7000-8000-000000000000/resend-mail", administrator), 404, "identity.user_not_found");
  for (let mail = 0; mail < 3; mail += 1) expectWritten(await post("iam/users/me/resend-mail", person.token), 202);
  expectError(await post(`users/${person.id}/resend-mail`, administrator), 429, "common.too_many_requests");
});
