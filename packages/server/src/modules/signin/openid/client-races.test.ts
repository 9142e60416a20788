import { expectWritten } from "@gatehouse/testing/answers.ts";
import { clientFields } from "@gatehouse/testing/clients.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { newServiceAccount } from "@gatehouse/testing/service-accounts.ts";
import { World } from "@gatehouse/testing/world.ts";
import { describe, expect, it } from "vitest";

type Fields = Readonly<Record<string, unknown>>;

const path = "/api/v1/clients";
const clientsMax = 20;
const world = World.ofSuite([], { GATEHOUSE_QUOTA_CLIENTS: `${clientsMax}` });

const send = (route: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer<AnyBody>> =>
  world.server.call(route, { token: world.owner.token, headers, ...(body === undefined ? {} : { body }) });
const create = (fields: Fields = {}) => send(`POST ${path}`, clientFields({ organizationId: world.organization.id, ...fields }));
async function created(fields: Fields = {}): Promise<AnyBody> {
  const answer = await create(fields);
  expectWritten(answer, 201);
  return answer.body;
}
const get = async (id: string): Promise<AnyBody> => (await send(`GET ${path}/${id}`)).body;
const statuses = (answers: readonly Answer<AnyBody>[]): number[] => answers.map(({ status }) => status).toSorted();
const parallel = 16;
const times = <T>(work: (index: number) => Promise<T>, count = parallel): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_none, index) => work(index)));

describe("a client", () => {
  it("never has more than three valid secrets after concurrent rotations", async () => {
    const { id } = await created();
    const answers = await times(() => send(`POST ${path}/${id}/secrets`, {}));
    expect(statuses(answers)).toEqual([201, 201, ...Array(parallel - 2).fill(409)]);
    const { secrets, version } = await get(id);
    expect(secrets).toHaveLength(3);
    expect(secrets.filter(({ expiresAt }: AnyBody) => expiresAt === null)).toHaveLength(1);
    expect(version).toBe(3);
  });

  it("has one valid secret after concurrent rotations without an overlap", async () => {
    const { id } = await created();
    const answers = await times(() => send(`POST ${path}/${id}/secrets`, { overlapSeconds: 0 }));
    expect(statuses(answers)).toEqual(Array(parallel).fill(201));
    const { secrets } = await get(id);
    expect(secrets).toHaveLength(1);
    expect(answers.map(({ body }) => body.secrets.at(-1).id)).toContain(secrets[0].id);
  });

  it("is changed once by concurrent updates of one version", async () => {
    const { id } = await created();
    const answers = await times((index) => send(`PATCH ${path}/${id}`, { name: `Name ${index}` }, { "if-match": '"1"' }));
    expect(statuses(answers)).toEqual([200, ...Array(parallel - 1).fill(412)]);
    expect(await get(id)).toMatchObject({ version: 2, name: answers.find(({ status }) => status === 200)?.body.name });
  });

  it("loses each secret once to concurrent deletions", async () => {
    const { id, secrets } = await created();
    const answers = await times(() => send(`DELETE ${path}/${id}/secrets/${secrets[0].id}`));
    expect(statuses(answers)).toEqual([204, ...Array(parallel - 1).fill(404)]);
    expect(await get(id)).toMatchObject({ version: 2, secrets: [] });
  });

  it("is deleted once by concurrent deletions", async () => {
    const { id } = await created();
    const answers = await times(() => send(`DELETE ${path}/${id}`));
    expect(statuses(answers)).toEqual([204, ...Array(parallel - 1).fill(404)]);
  });

  it("is not left behind by a concurrent deletion of its service account", async () => {
    const account = await newServiceAccount(world.server, world.owner.token, world.organization.id, [world.roles["Member"] as string]);
    const fields = { kind: "service", serviceAccountId: account.id, scopes: ["Organization.Read"] };
    const [creations, removal] = await Promise.all([times(() => create(fields), 4), send(`DELETE /api/v1/service-accounts/${account.id}`)]);
    expectWritten(removal, 204);
    for (const { status, body } of creations) {
      expect([201, 404], JSON.stringify(body)).toContain(status);
      if (status === 201) expect((await send(`GET ${path}/${body.id}`)).status).toBe(404);
    }
  });
});

describe("the quota of clients", () => {
  it("limits an organization, even in concurrent requests", async () => {
    const before = (await send(`GET ${path}?organizationId=${world.organization.id}&limit=200`)).body.items.length;
    const answers = await times(() => create({ kind: "public" }), clientsMax + 4);
    const refused = answers.filter(({ status }) => status !== 201);
    expect(answers.length - refused.length).toBe(clientsMax - before);
    for (const { status, body } of refused) {
      expect(status).toBe(409);
      expect(body.error).toMatchObject({
        code: "common.quota_exceeded",
        details: [{ field: "clients", rule: "quota", limit: clientsMax }],
      });
    }
    const after = await send(`GET ${path}?organizationId=${world.organization.id}&limit=200`);
    expect(after.body.items).toHaveLength(clientsMax);
  });
});
