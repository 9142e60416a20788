/** Attack 47 of docs/security/attacks.md. */
import { randomBytes } from "node:crypto";
import { times } from "@gatehouse/testing/lanes.ts";
import { newOrganization, newPerson, type OrganizationOf, type Person, password } from "@gatehouse/testing/people.ts";
import { type AnyBody, distributed, startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { listens, services } from "@gatehouse/testing/services.ts";
import { startStopwatch } from "@gatehouse/testing/stopwatch.ts";
import { connect, headers, type Msg, type NatsConnection } from "@nats-io/transport-node";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { natsServer } from "../../packages/server/src/platform/nats/address.ts";

const iam = "/api/v1/iam";
const possible = distributed && (await listens("nats"));

/**
 * An attacker who may publish and subscribe everywhere on NATS and has no key. Two sets of roles answer, each role in a process of its
 * own (TEST_TOPOLOGY=distributed).
 */
describe.runIf(possible)("an attacker on NATS", () => {
  const prefix = `hostile-${randomBytes(6).toString("hex")}`;
  let server: TestServer;
  let beside: TestServer;
  let eve: NatsConnection;
  let victim: Person;
  let nonMember: Person;
  let organization: OrganizationOf;
  const seen: Msg[] = [];

  beforeAll(async () => {
    server = await startTestServer({ NATS_PREFIX: prefix, GATEHOUSE_SIGN_IN_LIMIT: "off" });
    beside = await server.startAnother();
    organization = await newOrganization(server);
    victim = organization.owner;
    nonMember = await newPerson(server);
    eve = await connect(natsServer(services.nats));
    for (const subject of [`${prefix}.>`, "_INBOX.>"]) eve.subscribe(subject, { callback: (_error, message) => void seen.push(message) });
    await eve.flush();
  }, 240_000);
  afterAll(async () => {
    await eve?.close();
    await beside?.close();
    await server?.close();
  }, 60_000);

  const login = () => server.call(`POST ${iam}/auth/login`, { body: { email: victim.email, password } });
  const check = (by: Person, actionType = "Organization.Update") =>
    server.call(`POST ${iam}/authorization/check`, { token: by.token, body: { userId: by.id, tenantId: organization.id, actionType } });
  const captured = (subject: string): Msg[] => seen.filter((message) => message.subject === `${prefix}.${subject}`);
  const sessions = async (): Promise<number> => {
    const { rows } = await sql<{ count: string }>`select count(*) from sessions where user_id = ${victim.id}`.execute(
      server.application.platform.database.owner,
    );
    return Number(rows[0]?.count);
  };
  const distrusted = async (kind: string, reason: string): Promise<number> => {
    const found = await Promise.all([server, beside].map(({ application }) => application.platform.metrics.distrusted.get()));
    return found
      .flatMap(({ values }) => values)
      .filter(({ labels }) => labels.channel === "nats" && labels.kind === kind && labels.reason === reason)
      .reduce((sum, { value }) => sum + value, 0);
  };
  /** Subscribes for the time of `work`. */
  const withListener = async <T>(subject: string, listener: (message: Msg) => void, work: () => Promise<T>): Promise<T> => {
    const subscription = eve.subscribe(`${prefix}.${subject}`, { callback: (_error, message) => listener(message) });
    await eve.flush();
    try {
      return await work();
    } finally {
      subscription.unsubscribe();
      await eve.flush();
    }
  };

  it("messages on NATS contain no readable password, token, address or answer", async () => {
    const before = seen.length;
    const { body } = await login();
    expect((await server.call(`GET ${iam}/users/me`, { token: body.sessionToken })).body.email).toBe(victim.email);
    await eve.flush();
    const texts = seen.slice(before).flatMap(({ data }) => {
      const text = Buffer.from(data).toString("latin1");
      return [text, Buffer.from(text.replaceAll('"', ""), "base64url").toString("latin1")];
    });
    expect(texts.length).toBeGreaterThan(6);
    for (const secret of [password, body.sessionToken, victim.email, victim.id, "sessionToken", "input"])
      expect(texts.filter((text) => text.includes(secret))).toEqual([]);
  });

  it("a forged answer and an answer to another request are rejected", async () => {
    await check(victim);
    await eve.flush();
    const permits = seen.filter(({ subject }) => subject.startsWith("_INBOX.")).slice(-3);
    const made = {
      isAuthorized: true,
      reason: "forged",
      reasonCode: "role",
      missingPermissions: [],
      applicableEntitlements: {},
      revision: "1",
    };
    const answer = (message: Msg): void => {
      message.respond(JSON.stringify(made));
      for (const { data } of permits) message.respond(data);
    };
    const before = await distrusted("reply", "unsigned");
    await withListener("rpc.query.decisions.check", answer, async () => {
      for (const _ of times(20)) expect((await check(nonMember)).body.isAuthorized ?? false).toBe(false);
    });
    expect(before).toBe(0);
  });

  it("a forged revision is not waited for, and blocks no later call", async () => {
    const sendInvalid = (message: Msg): void => {
      const given = headers();
      given.set("gatehouse-revision", "9".repeat(21));
      given.set("gatehouse-appended", "true");
      message.respond("{}", { headers: given });
    };
    await withListener("rpc.command.identity.updateMe", sendInvalid, async () => {
      const { status, body } = await server.call(`PUT ${iam}/users/me`, { token: victim.token, body: { firstName: "True" } });
      expect([status, body.firstName]).toEqual([200, "True"]);
    });
    expect((await server.call(`GET ${iam}/users/me`, { token: victim.token })).body.firstName).toBe("True");
  });

  it("a replayed command is executed by no process, under its own subject or another", async () => {
    expect((await login()).status).toBe(200);
    await eve.flush();
    const [message] = captured("rpc.command.authentication.login").slice(-1) as [Msg];
    const before = await sessions();
    const refused = await distrusted("request", "replayed");
    for (const _ of times(20)) eve.publish(message.subject, message.data, { reply: message.reply as string });
    for (const reply of [undefined, "_INBOX.eve.1"]) eve.publish(message.subject, message.data, reply === undefined ? {} : { reply });
    eve.publish(`${prefix}.rpc.command.authentication.logout`, message.data, { reply: message.reply as string });
    await eve.flush();
    // At whichever process: at the one that had it the copy is known, and at another the command's id is.
    await expect.poll(() => distrusted("request", "replayed"), { timeout: 10_000 }).toBeGreaterThan(refused);
    await expect.poll(() => distrusted("request", "forged"), { timeout: 10_000 }).toBeGreaterThanOrEqual(3);
    await login();
    expect(await sessions()).toBe(before + 1);
  });

  it("a forged `no responders` answer does not execute a command twice", async () => {
    const before = await sessions();
    const deny = ({ reply }: Msg): void => eve.publish(reply as string, new Uint8Array(), { headers: headers(503, "No Responders") });
    const { status } = await withListener("rpc.command.authentication.login", deny, login);
    expect([200, 503]).toContain(status);
    await login();
    expect((await sessions()) - before).toBeLessThanOrEqual(2);
  });

  it("forged heartbeats and announcements are ignored", async () => {
    const sign = headers();
    sign.set("gatehouse-sign", "working");
    const stopwatch = startStopwatch();
    for (const _ of times(20_000)) eve.publish(`${prefix}.log.appended`);
    await eve.flush();
    expect((await check(victim)).body).toMatchObject({ isAuthorized: true });
    expect(stopwatch.idleMs()).toBeLessThan(10_000);
    await expect.poll(() => distrusted("tell", "unsigned"), { timeout: 10_000 }).toBeGreaterThan(0);
    const { reply } = captured("rpc.query.decisions.check").at(-1) as Msg;
    eve.publish(reply as string, new Uint8Array(), { headers: sign });
    await eve.flush();
  });

  it("calls without a valid signature are refused and start nothing", async () => {
    const ask = async (subject: string, call: object): Promise<AnyBody> =>
      (await eve.request(`${prefix}.rpc.${subject}`, JSON.stringify(call), { timeout: 10_000 })).json();
    const before = await sessions();
    const calls = [
      ["command.authentication.login", { input: { email: victim.email, password } }],
      ["query.identity.getMe", { input: {}, credential: { token: victim.token, from: "header" } }],
      ["command.authentication.createUser", { input: {}, principal: { kind: "operator" } }],
      ["query.nothing", {}],
    ] as const;
    for (const [subject, call] of calls) expect((await ask(subject, call)).error.code).toBe("common.service_call_refused");
    expect(await sessions()).toBe(before);
  });
});
