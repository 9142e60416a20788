import { expectWritten } from "@gatehouse/testing/answers.ts";
import { clientFields } from "@gatehouse/testing/clients.ts";
import { unknownId } from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { newServiceAccount } from "@gatehouse/testing/service-accounts.ts";
import { World } from "@gatehouse/testing/world.ts";
import { beforeAll, describe, expect, it } from "vitest";
import type { ReadHandle } from "#platform/database/database.ts";
import type { ActiveClient } from "./active-client.ts";
import { type ClientCache, verifyClientSecret } from "./client-cache.ts";
import { type OpenidState, openid } from "./index.ts";
import { newClientSecret } from "./model.ts";

type Fields = Readonly<Record<string, unknown>>;

const world = World.ofSuite(["other"]);
let cache: ClientCache;
beforeAll(() => {
  const { kernel, platform } = world.server.application;
  cache = kernel.stateOf<OpenidState>(openid).clients;
  cache.start((db: ReadHandle) => kernel.apisFor(openid, { db, now: new Date(platform.clock.now()) }) as never);
});

const send = (route: string, body?: unknown, token = world.owner.token): Promise<Answer<AnyBody>> =>
  world.server.call(route, { token, ...(body === undefined ? {} : { body }) });
async function created(fields: Fields = {}): Promise<AnyBody> {
  const answer = await send("POST /api/v1/clients", clientFields({ organizationId: world.organization.id, ...fields }));
  expectWritten(answer, 201);
  return answer.body;
}
const find = async (id: string): Promise<ActiveClient | null> => cache.find(id);
const isActive = async (id: string): Promise<boolean> => (await find(id)) !== null;

describe("the cache of clients", () => {
  it("finds an active client with its settings, and reads it once", async () => {
    const { clientSecret, secrets, status, version, ...client } = await created({ deviceFlow: true });
    const found = await find(client.id);
    expect(found).toMatchObject(client);
    expect(cache.find(client.id)).toBe(found);
    expect(cache.verifySecret(found, clientSecret)).toBe(true);
    expect(JSON.stringify(found)).not.toContain(clientSecret.slice(12));
  });

  it("finds nothing for an unknown id, or for a text that is none", async () => {
    for (const text of [unknownId, "", "client", unknownId.toUpperCase(), `${unknownId} `, "a".repeat(100_000), "\u0000"])
      expect(await find(text)).toBeNull();
  });

  it("finds a changed client as it is", async () => {
    const { id, secrets, clientSecret } = await created();
    expect((await find(id))?.name).not.toBe("Renamed");
    expectWritten(await send(`PATCH /api/v1/clients/${id}`, { name: "Renamed" }), 200);
    expect((await find(id))?.name).toBe("Renamed");
    const rotated = await send(`POST /api/v1/clients/${id}/secrets`, {});
    for (const secret of [clientSecret, rotated.body.clientSecret]) expect(cache.verifySecret(await find(id), secret)).toBe(true);
    expectWritten(await send(`DELETE /api/v1/clients/${id}/secrets/${secrets[0].id}`), 204);
    expect(cache.verifySecret(await find(id), clientSecret)).toBe(false);
    expect(cache.verifySecret(await find(id), rotated.body.clientSecret)).toBe(true);
    const replaced = await send(`POST /api/v1/clients/${id}/secrets`, { overlapSeconds: 0 });
    expect(cache.verifySecret(await find(id), rotated.body.clientSecret)).toBe(false);
    expect(cache.verifySecret(await find(id), replaced.body.clientSecret)).toBe(true);
  });

  it("finds no client that is suspended or deleted", async () => {
    const { id } = await created();
    expect(await isActive(id)).toBe(true);
    expectWritten(await send(`PATCH /api/v1/clients/${id}`, { status: "Suspended" }), 200);
    expect(await isActive(id)).toBe(false);
    expectWritten(await send(`PATCH /api/v1/clients/${id}`, { status: "Active" }), 200);
    expect(await isActive(id)).toBe(true);
    expectWritten(await send(`DELETE /api/v1/clients/${id}`), 204);
    expect(await isActive(id)).toBe(false);
  });

  it("finds no client whose service account is suspended or deleted", async () => {
    const account = await newServiceAccount(world.server, world.owner.token, world.organization.id, [world.roles["Member"] as string]);
    const { id } = await created({ kind: "service", serviceAccountId: account.id, scopes: ["Organization.Read"] });
    const setStatus = (status: string) => send(`PATCH /api/v1/service-accounts/${account.id}`, { status });
    expect((await find(id))?.serviceAccountId).toBe(account.id);
    expectWritten(await setStatus("Suspended"), 200);
    expect(await isActive(id)).toBe(false);
    expectWritten(await setStatus("Active"), 200);
    expect(await isActive(id)).toBe(true);
    expectWritten(await send(`DELETE /api/v1/service-accounts/${account.id}`), 204);
    expect(await isActive(id)).toBe(false);
  });

  it("finds no client whose organization is suspended, and finds global clients still", async () => {
    const { id, owner } = world.other;
    const fields = clientFields({ organizationId: id });
    const { body: client } = await send("POST /api/v1/clients", fields, owner.token);
    const global = await send("POST /api/v1/clients", { ...fields, organizationId: null }, world.administrator.token);
    const setStatus = (status: string) => send(`PUT /api/v1/iam/organizations/${id}`, { status }, world.administrator.token);
    expect(await isActive(client.id)).toBe(true);
    expect(await isActive(global.body.id)).toBe(true);
    expectWritten(await setStatus("Suspended"), 200);
    expect(await isActive(client.id)).toBe(false);
    expect(await isActive(global.body.id)).toBe(true);
    expectWritten(await setStatus("Active"), 200);
    expect(await isActive(client.id)).toBe(true);
  });
});

describe("a client secret", () => {
  const now = new Date("2026-06-01T00:00:00Z");

  it("is valid until it expires, beside others", async () => {
    const { id } = await created();
    const first = (await send(`POST /api/v1/clients/${id}/secrets`, {})).body.clientSecret;
    await send(`POST /api/v1/clients/${id}/secrets`, { overlapSeconds: 600 });
    const client = await find(id);
    const isValidIn = (seconds: number): boolean => verifyClientSecret(client, first, new Date(Date.now() + seconds * 1_000));
    expect([isValidIn(0), isValidIn(500), isValidIn(601)]).toEqual([true, true, false]);
  });

  it("is refused for another client, for none, without one, and in any other form", async () => {
    const [one, other] = [await created(), await created()];
    const { clientSecret } = one;
    const client = await find(one.id);
    expect(verifyClientSecret(client, clientSecret, now)).toBe(true);
    expect(verifyClientSecret(await find(other.id), clientSecret, now)).toBe(false);
    expect(verifyClientSecret(null, clientSecret, now)).toBe(false);
    expect(verifyClientSecret({ secrets: [] }, clientSecret, now)).toBe(false);
    for (const text of [
      "",
      "ghc_",
      newClientSecret().secret,
      `${clientSecret}\n`,
      ` ${clientSecret}`,
      clientSecret.slice(0, -1),
      client?.secrets[0]?.hash ?? "",
    ])
      expect(verifyClientSecret(client, text, now)).toBe(false);
    expect(verifyClientSecret(client, "ghc_".padEnd(5_000_000, "a"), now)).toBe(false);
  });
});
