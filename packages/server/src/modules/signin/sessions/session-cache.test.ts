import { newPerson, signIn } from "@gatehouse/testing/people.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type SessionCache, sessions } from "./index.ts";

const server = serverOfSuite();
let cache: SessionCache;
beforeAll(() => {
  cache = server.application.kernel.stateOf<SessionCache>(sessions);
});
afterEach(() => vi.restoreAllMocks());

const logOut = async (token: string): Promise<void> => {
  expect((await server.call("POST /api/v1/iam/auth/logout", { token })).status).toBe(204);
};

/** Reads of sessions begin, and end when the test says so. */
function heldReads() {
  const { database } = server.application.platform;
  const read = database.read.bind(database);
  const gate = Promise.withResolvers<void>();
  let begun = 0;
  vi.spyOn(database, "read").mockImplementation(async (scope, work) => {
    // The follower of the log looks for itself.
    const isOfCache = new Error().stack?.includes("session-cache.ts") === true;
    const found = await read(scope, work);
    if (isOfCache) {
      begun += 1;
      await gate.promise;
    }
    return found;
  });
  return { begun: () => begun, end: () => gate.resolve() };
}

describe("the sessions of this process", () => {
  it("read a token once for all who ask at the same moment, and then no more", async () => {
    const person = await newPerson(server);
    const token = await signIn(server, person.email);
    const reads = heldReads();
    const asked = [cache.find(token), cache.find(token), cache.find(token)];
    await expect.poll(reads.begun, { timeout: 10_000 }).toBe(1);
    reads.end();
    const [first, ...others] = await Promise.all(asked);
    expect(first?.user.id).toBe(person.id);
    for (const other of others) expect(other).toBe(first);
    expect(await cache.find(token)).toBe(first);
    expect(reads.begun()).toBe(1);
  });

  it("do not answer a session that was read before it was ended", async () => {
    const person = await newPerson(server);
    const token = await signIn(server, person.email);
    const [{ id }] = (await server.call("GET /api/v1/iam/auth/sessions", { token: person.token })).body.items;
    const reads = heldReads();
    const asked = Promise.resolve(cache.find(token));
    await expect.poll(reads.begun, { timeout: 10_000 }).toBe(1);
    expect((await server.call(`DELETE /api/v1/iam/auth/sessions/${id}`, { token: person.token })).status).toBe(204);
    reads.end();
    expect(await asked).toBeNull();
    expect(cache.find(token)).toBeInstanceOf(Promise);
  });

  it("forget one that was ended, and keep the user's others", async () => {
    const person = await newPerson(server);
    const ended = await signIn(server, person.email);
    const kept = await cache.find(person.token);
    expect(await cache.find(ended)).not.toBeNull();
    await logOut(ended);
    expect(await cache.find(person.token)).toBe(kept);
    expect(await cache.find(ended)).toBeNull();
  });

  it("show the user anew after a change of the profile, in every session", async () => {
    const person = await newPerson(server);
    const other = await signIn(server, person.email);
    await Promise.all([cache.find(person.token), cache.find(other)]);
    const changed = await server.call("PUT /api/v1/iam/users/me", {
      token: person.token,
      body: { firstName: "Renamed", lastName: "Person", locale: "en" },
    });
    expect(changed.status, JSON.stringify(changed.body)).toBe(200);
    for (const token of [person.token, other]) expect((await cache.find(token))?.user.firstName).toBe("Renamed");
  });

  it("know no token of another form, and read nothing for it", () => {
    for (const token of ["", "ghs_short", `ghx_${"a".repeat(43)}`]) expect(cache.find(token)).toBeNull();
  });
});
