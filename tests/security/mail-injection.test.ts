/** Attack 50 of docs/security/attacks.md. */

import { times } from "@gatehouse/testing/lanes.ts";
import {
  address,
  anAddress,
  joinAs,
  newOrganization,
  newPerson,
  type OrganizationOf,
  registration,
  rolesOf,
  tokenIn,
} from "@gatehouse/testing/people.ts";
import { type AnyBody, asOperator } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";

/** The limit of notifications/allowance.ts: per mailbox, kind and hour. */
const perMailbox = 5;
/** The value of INVITATIONS_PER_HOUR below. */
const perAccount = 8;

const server = serverOfSuite({ INVITATIONS_PER_HOUR: String(perAccount) });

/** The mails to an address, once all jobs are done. */
async function mailsTo(email: string, template: string): Promise<number> {
  await server.application.settled();
  const open = async () => {
    const { rows } = await sql<{ open: string }>`select count(*)::text as open from jobs.job
      where name in ('notifications.send-mail', 'authentication.start-password-reset') and state in ('created', 'active', 'retry')`.execute(
      server.application.platform.database.owner,
    );
    return rows[0]?.open;
  };
  await expect.poll(open, { timeout: 20_000 }).toBe("0");
  return ((await server.application.inbox?.list()) ?? []).filter((mail) => mail.to === email && mail.template === template).length;
}

const post = (path: string, body: object, token?: string) =>
  server.call<AnyBody>(`POST /api/v1/iam/${path}`, { body, from: anAddress(), ...(token === undefined ? {} : { token }) });

const invite = async (organization: OrganizationOf, email: string, token = organization.owner.token) => {
  const roles = await rolesOf(server, organization);
  return post(`organizations/${organization.id}/invitations`, { email, roleId: roles["Member"] }, token);
};

describe("a mailbox receives a bounded number of mails, from any number of client addresses", () => {
  it("registrations of one address send a bounded number of mails and are answered alike", { timeout: 60_000 }, async () => {
    const email = address("flood");
    const answers = await Promise.all(times(20).map(() => post("auth/register", registration({ email }))));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(201));
    expect(await mailsTo(email, "verify-email")).toBe(perMailbox);
    const person = await newPerson(server);
    for (const _ of times(10)) expect((await post("auth/register", registration({ email: person.email }))).status).toBe(201);
    expect(await mailsTo(person.email, "address-known")).toBe(perMailbox);
  });

  it("password resets of one address send a bounded number of mails, and the first link works", { timeout: 60_000 }, async () => {
    const person = await newPerson(server);
    await post("auth/forgot-password", { email: person.email });
    const first = tokenIn(await server.mail(person.email, "reset-password"));
    const answers = await Promise.all(times(30).map(() => post("auth/forgot-password", { email: person.email.toUpperCase() })));
    expect(answers.map(({ status }) => status)).toEqual(Array(30).fill(202));
    expect(await mailsTo(person.email, "reset-password")).toBe(perMailbox);
    expect((await post("auth/reset-password", { token: first, password: "a harbour after the storm" })).status).toBe(204);
  });

  it("invitations of one address from several organizations send a bounded number of mails, in any spelling", {
    timeout: 60_000,
  }, async () => {
    const mailbox = address("victim");
    const [name, host] = mailbox.split("@") as [string, string];
    const statuses: number[] = [];
    for (const index of times(perMailbox + 3)) {
      const organization = await newOrganization(server);
      const written = index % 2 === 0 ? `${name}+${index}@${host}` : `${name.toUpperCase()}+tag${index}@${host}`;
      statuses.push((await invite(organization, written)).status);
    }
    expect(statuses).toEqual([...Array(perMailbox).fill(201), ...Array(3).fill(429)]);
  });
});

describe("limits of invitations", () => {
  it("an account has one limit of invitations in all of its organizations, and receives Retry-After", { timeout: 60_000 }, async () => {
    const one = await newOrganization(server);
    for (const _ of times(perAccount)) expect((await invite(one, address("guest"))).status).toBe(201);
    const refused = await withoutTrace(server, () => invite(one, address("guest")));
    expect(refused.status).toBe(429);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    const created = await post("organizations", { name: "Another of mine", slug: `another-${Date.now()}`, country: "VN" }, one.owner.token);
    const roles = await rolesOf(server, { ...created.body, owner: one.owner });
    const there = await post(
      `organizations/${created.body.id}/invitations`,
      { email: address("guest"), roleId: roles["Member"] },
      one.owner.token,
    );
    expect(there.status).toBe(429);
  });

  it("an organization has one limit of invitations for all of its members", { timeout: 120_000 }, async () => {
    const organization = await newOrganization(server);
    const admin = (await rolesOf(server, organization))["Admin"] as string;
    const inviters = [];
    for (const _ of times(5)) {
      const person = await newPerson(server);
      await joinAs(server, organization, person, admin);
      inviters.push(person.token);
    }
    // The owner has sent five invitations to the inviters.
    let sent = 5;
    for (const token of [organization.owner.token, ...inviters]) {
      for (const _ of times(perAccount)) if ((await invite(organization, address("guest"), token)).status === 201) sent += 1;
    }
    expect(sent).toBe(4 * perAccount);
  });
});

describe("names in mails", () => {
  it.each([
    "Ada,\r\n\r\nyour account is locked. Unlock it at https://evil.example/login",
    "Ada\u2028see evil",
    "https://evil.example",
    "see www.evil.example",
    "evil.example/prize",
    "evil.example:8443",
    "\uFF48ttp\uFF1A\uFF0F\uFF0Fevil",
  ])("a person's name cannot contain lines or links: %j", async (name) => {
    for (const field of ["firstName", "lastName"]) {
      const email = address("victim");
      const answer = await withoutTrace(server, () => post("auth/register", registration({ email, [field]: name })));
      expect(answer.status, field).toBe(400);
      expect(answer.body.error.details[0]).toMatchObject({ field, rule: "person_name" });
    }
    const { token } = await newPerson(server);
    expect((await server.call("PUT /api/v1/iam/users/me", { token, body: { lastName: name } })).status).toBe(400);
    const made = asOperator(server, "authentication.createUser", {
      email: address("x"),
      password: "a quiet green harbour",
      firstName: name,
      lastName: "B",
    });
    await expect(made).rejects.toThrow();
  });

  it.each(["J.R.R. Tolkien", "Dr.Smith", "Nguyễn Thị Ánh", "O'Neil-Kowalski, Jr.", "María: la Grande", "\u{1F469}\u200D\u{1F680}"])(
    "a common name is accepted: %j",
    async (name) => {
      expect((await post("auth/register", registration({ firstName: name }))).status).toBe(201);
    },
  );

  it("a name that mail programs would turn into a link is shown without one", async () => {
    const body = registration({ firstName: "evil.example" });
    await post("auth/register", body);
    const mail = await server.mail(body.email, "verify-email");
    expect(mail.text).toContain("Hello evil. example,");
    expect(mail.links).toHaveLength(1);
  });

  it("an organization's name is shown on one line, without a link, and shortened", async () => {
    const organization = await newOrganization(server);
    const name = `Your payment failed, see https://evil.example/pay or write to a@evil.example within 24 hours ${Date.now()}`;
    const renamed = await server.call(`PUT /api/v1/iam/organizations/${organization.id}`, {
      token: organization.owner.token,
      body: { name },
    });
    expect(renamed.status).toBe(200);
    const email = address("guest");
    expect((await invite(organization, email)).status).toBe(201);
    const mail = await server.mail(email, "invitation");
    expect(mail.subject).toMatch(/^Invitation to Your payment failed/);
    for (const shown of [mail.subject, mail.text, mail.html]) {
      expect(shown).not.toContain("evil.example");
      expect(shown).not.toContain("://evil");
      expect(shown).not.toContain("within 24 hours");
    }
    expect(mail.links).toHaveLength(1);
  });
});
