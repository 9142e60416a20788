import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newPerson, signIn } from "../../testing/people.ts";
import { startTestServer, type TestServer } from "../../testing/server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

describe("GET /api/v1/iam/auth/sessions and DELETE …/sessions/{id}", () => {
  it("lists the own sessions and ends one at once, wherever it is", async () => {
    const person = await newPerson(server);
    const other = await signIn(server, person.email);
    const listed = await server.call("GET /api/v1/iam/auth/sessions", { token: person.token });
    expect(listed.status).toBe(200);
    expect(listed.body.items).toHaveLength(2);
    const target = listed.body.items.find((session: { current: boolean }) => !session.current);
    const ended = await server.call(`DELETE /api/v1/iam/auth/sessions/${target.id}`, { token: person.token });
    expect(ended.status).toBe(204);
    expect((await server.call("GET /api/v1/iam/users/me", { token: other })).status).toBe(401);
    expect((await server.call("GET /api/v1/iam/users/me", { token: person.token })).status).toBe(200);
  });
});
