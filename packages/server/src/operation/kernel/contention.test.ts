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

describe("commands on one thing at the same time", () => {
  it("are all done, one after the other, however many come and wherever", { timeout: 60_000 }, async () => {
    const { token } = organization.owner;
    const path = `/api/v1/iam/organizations/${organization.id}`;
    for (const other of others) await expect.poll(async () => (await other.call(`GET ${path}`, { token })).status).toBe(200);
    // As many clients as the processes let administration have connections, so that nobody is refused for want of room.
    const clients = [server, ...others].flatMap((http) => Array.from({ length: 7 }, () => http));
    const renames = clients.map(async (http, client) => {
      const answers = [];
      for (let turn = 0; turn < 6; turn += 1) answers.push(await http.call(`PUT ${path}`, { token, body: { name: `${client} ${turn}` } }));
      return answers;
    });
    const answers = (await Promise.all(renames)).flat();
    expect(answers.filter(({ status }) => status !== 200).map(({ body }) => body)).toEqual([]);
    // What remains is what the newest revision says.
    const revisions = answers.map(({ headers, body }) => ({ at: BigInt(headers["x-gatehouse-revision"] as string), body }));
    const newest = revisions.reduce((one, other) => (other.at > one.at ? other : one));
    expect((await server.call<AnyBody>(`GET ${path}`, { token })).body.name).toBe(newest.body.name);
  });
});
