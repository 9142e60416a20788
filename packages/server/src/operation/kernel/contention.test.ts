import { newOrganization, type OrganizationOf } from "@gatehouse/testing/people.ts";
import { type AnyBody, backend, startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let server: TestServer;
let others: TestServer[];
let organization: OrganizationOf;
beforeAll(async () => {
  server = await startTestServer();
  // PGlite has one holder, and one command at a time: there is nothing to be in the way of.
  others = backend === "postgresql" ? [await server.startAnother(), await server.startAnother()] : [];
  organization = await newOrganization(server);
});
afterAll(async () => {
  for (const other of others) await other.close();
  await server.close();
});

describe("concurrent commands on one aggregate", () => {
  it("all succeed one after the other, in several processes", { timeout: 60_000 }, async () => {
    const { token } = organization.owner;
    const path = `/api/v1/iam/organizations/${organization.id}`;
    for (const other of others) await expect.poll(async () => (await other.call(`GET ${path}`, { token })).status).toBe(200);
    // As many clients as administration has connections in all processes, so that no call is refused by the bulkhead.
    const clients = [server, ...others].flatMap((http) => Array.from({ length: 7 }, () => http));
    const renames = clients.map(async (http, client) => {
      const answers = [];
      for (let turn = 0; turn < 6; turn += 1) answers.push(await http.call(`PUT ${path}`, { token, body: { name: `${client} ${turn}` } }));
      return answers;
    });
    const answers = (await Promise.all(renames)).flat();
    expect(answers.filter(({ status }) => status !== 200).map(({ body }) => body)).toEqual([]);
    // The newest revision wins.
    const revisions = answers.map(({ headers, body }) => ({ at: BigInt(headers["x-gatehouse-revision"] as string), body }));
    const newest = revisions.reduce((one, other) => (other.at > one.at ? other : one));
    expect((await server.call<AnyBody>(`GET ${path}`, { token })).body.name).toBe(newest.body.name);
  });
});
