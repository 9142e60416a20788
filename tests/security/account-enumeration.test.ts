/** Attack 28 of docs/security/attacks.md. */
import { expectOk } from "@gatehouse/testing/answers.ts";
import { address, invite, newPerson, password } from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { World } from "@gatehouse/testing/world.ts";
import { beforeAll, describe, expect, it } from "vitest";

// support/timing.ts compares the times. It is run by hand, because concurrent suites distort them.

const world = World.ofSuite(["other", "member"]);
const { server } = world;
/** Email addresses of every kind. The last one has no account. */
const kinds: Record<string, string> = {};
beforeAll(async () => {
  kinds["active"] = (await newPerson(server, "active")).email;
  const suspended = await newPerson(server, "suspended");
  await expectOk(server.call(`PATCH /api/v1/users/${suspended.id}`, { token: world.administrator.token, body: { status: "Suspended" } }));
  kinds["suspended"] = suspended.email;
  kinds["pending"] = address("pending");
  await expectOk(server.call("POST /api/v1/iam/auth/register", { body: registration(kinds["pending"]) }));
  kinds["in capital letters"] = (await newPerson(server, "capital")).email.toUpperCase();
  kinds["administrator"] = world.administrator.email;
  kinds["unknown"] = address("unknown");
});

const registration = (email: string) => ({ email, password: "a non-member's guess", firstName: "A", lastName: "B", locale: "en" });

/** The names and types of a value, without its contents. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, inner]) => [name, shapeOf(inner)]),
  );
}

/** Everything that a caller sees of an answer, except its time. */
const seen = (answer: Answer<AnyBody>) => ({
  status: answer.status,
  code: answer.body?.error?.code,
  details: answer.body?.error?.details,
  shape: shapeOf(answer.body),
  headers: Object.keys(answer.headers).sort(),
});

async function expectAlike(send: (email: string) => Promise<Answer<AnyBody>>): Promise<void> {
  const answers = new Map<string, ReturnType<typeof seen>>();
  for (const [kind, email] of Object.entries(kinds)) answers.set(kind, seen(await send(email)));
  for (const [kind, answer] of answers) expect(answer, kind).toEqual(answers.get("unknown"));
}

describe("an unauthenticated caller cannot find out who has an account", () => {
  it("signing in does not distinguish a known address from an unknown one", () =>
    expectAlike((email) => server.call("POST /api/v1/iam/auth/login", { body: { email, password: "a non-member's other guess" } })));

  it("signing in for an organization does not distinguish a known address from an unknown one", () =>
    expectAlike((email) =>
      server.call("POST /api/v1/iam/auth/login", { body: { email, password: "a non-member's other guess", organizationId: world.own.id } }),
    ));

  it("requesting a password reset does not distinguish a known address from an unknown one", () =>
    expectAlike((email) => server.call("POST /api/v1/iam/auth/forgot-password", { body: { email } })));

  it("an invitation does not distinguish a known address from an unknown one, unless the inviter sees the members anyway", () =>
    expectAlike((email) =>
      server.call(`POST /api/v1/iam/organizations/${world.own.id}/invitations`, {
        token: world.own.owner.token,
        body: { email, roleId: world.own.roles["Member"] },
      }),
    ));

  it("accepting an invitation with a guessed token does not distinguish a known address from an unknown one", async () => {
    const guest = await newPerson(server, "guest");
    const known = await invite(server, world.own.organization, guest.email, world.own.roles["Member"] as string);
    const unknown = await invite(server, world.own.organization, address("nobody"), world.own.roles["Member"] as string);
    const accept = (id: string) =>
      server.call(`POST /api/v1/iam/invitations/${id}/accept`, { token: world.other.member.token, body: { token: "A".repeat(43) } });
    const none = seen(await accept("0198a000-0000-7000-8000-000000000000"));
    expect(seen(await accept(known.id))).toEqual(none);
    expect(seen(await accept(unknown.id))).toEqual(none);
  });

  it("a link that confirms or resets does not distinguish a known address from an unknown one", async () => {
    for (const route of ["verify-email", "reset-password"]) {
      const answers = await Promise.all(
        ["A".repeat(43), "B".repeat(20), "C".repeat(200)].map((token) =>
          server.call(`POST /api/v1/iam/auth/${route}`, { body: { token, ...(route === "reset-password" ? { password } : {}) } }),
        ),
      );
      for (const answer of answers) expect(seen(answer)).toEqual(seen(answers[0] as Answer<AnyBody>));
    }
  });

  it("registering does not distinguish a known address from an unknown one, also twice and with an Idempotency-Key", async () => {
    await expectAlike((email) => server.call("POST /api/v1/iam/auth/register", { body: registration(email) }));
    await expectAlike((email) => server.call("POST /api/v1/iam/auth/register", { body: registration(email) }));
    const key = { "idempotency-key": `register-${Date.now()}` };
    for (const email of Object.values(kinds)) {
      const body = registration(email);
      const headers = { "idempotency-key": `${key["idempotency-key"]} ${email}` };
      const first = await server.call("POST /api/v1/iam/auth/register", { body, headers });
      const again = await server.call("POST /api/v1/iam/auth/register", { body, headers });
      expect([first.status, again.status]).toEqual([201, 201]);
      expect(again.body).toEqual(first.body);
    }
  });

  it("signing in with the registered password does not show whether the address had an account", () =>
    expectAlike(async (email) => {
      await expectOk(server.call("POST /api/v1/iam/auth/register", { body: registration(email) }));
      return server.call("POST /api/v1/iam/auth/login", { body: { email, password: registration(email).password } });
    }));
});
