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

/** Blocks the cache's reads of sessions until the test releases them. */
function blockedReads() {
  const { database } = server.application.platform;
  const read = database.read.bind(database);
  const gate = Promise.withResolvers<void>();
  let started = 0;
  vi.spyOn(database, "read").mockImplementation(async (scope, work) => {
    // Reads of the log's follower are not blocked.
    const isOfCache = new Error().stack?.includes("session-cache.ts") === true;
    const found = await read(scope, work);
    if (isOfCache) {
      started += 1;
      await gate.promise;
    }
    return found;
  });
  return { started: () => started, release: () => gate.resolve() };
}

describe("the session cache", () => {
  it("reads a token once for concurrent look-ups, and not again", async () => {
    const person = await newPerson(server);
    const token = await signIn(server, person.email);
    const reads = blockedReads();
    const lookups = [cache.find(token), cache.find(token), cache.find(token)];
    await expect.poll(reads.started, { timeout: 10_000 }).toBe(1);
    reads.release();
    const [first, ...others] = await Promise.all(lookups);
    expect(first?.user.id).toBe(person.id);
    for (const other of others) expect(other).toBe(first);
    expect(await cache.find(token)).toBe(first);
    expect(reads.started()).toBe(1);
  });

  it("does not return a session that was read before it ended", async () => {
    const person = await newPerson(server);
    const token = await signIn(server, person.email);
    const [{ id }] = (await server.call("GET /api/v1/iam/auth/sessions", { token: person.token })).body.items;
    const reads = blockedReads();
    const lookup = Promise.resolve(cache.find(token));
    await expect.poll(reads.started, { timeout: 10_000 }).toBe(1);
    expect((await server.call(`DELETE /api/v1/iam/auth/sessions/${id}`, { token: person.token })).status).toBe(204);
    reads.release();
    expect(await lookup).toBeNull();
    expect(cache.find(token)).toBeInstanceOf(Promise);
  });

  it("invalidates an ended session, and not the user's other sessions", async () => {
    const person = await newPerson(server);
    const ended = await signIn(server, person.email);
    const cached = await cache.find(person.token);
    expect(await cache.find(ended)).not.toBeNull();
    await logOut(ended);
    expect(await cache.find(person.token)).toBe(cached);
    expect(await cache.find(ended)).toBeNull();
  });

  it("returns the changed user after a change of the profile, in every session", async () => {
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

  it("refuses a token of another form without a read", () => {
    for (const token of ["", "ghs_short", `ghx_${"a".repeat(43)}`]) expect(cache.find(token)).toBeNull();
  });
});
