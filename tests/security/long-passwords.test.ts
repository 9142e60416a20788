/** Attack 30 of docs/security/attacks.md. */

import { expectOk } from "@gatehouse/testing/answers.ts";
import { address, mailedToken } from "@gatehouse/testing/people.ts";
import { startTestServer } from "@gatehouse/testing/server.ts";
import { startStopwatch } from "@gatehouse/testing/stopwatch.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { describe, expect, it } from "vitest";

/** A password takes this long at most, whatever it is; hashing one takes a tenth of it. */
const boundMs = 2_000;

const stem = "Dài lắm nhưng không phải là vô tận, ";
/** `bytes` bytes that end with `end`. */
function sized(bytes: number, end: string): string {
  const padding = "correct horse battery staple ".repeat(10).slice(0, bytes - Buffer.byteLength(end));
  return padding + end;
}

describe.each([{ PASSWORD_HASH: "argon2id" }, { PASSWORD_HASH: "bcrypt" }] as const)("passwords with $PASSWORD_HASH", (environment) => {
  const server = serverOfSuite({ GATEHOUSE_SIGN_IN_LIMIT: "off", ...environment });

  const signIn = (email: string, password: string) => server.call("POST /api/v1/iam/auth/login", { body: { email, password } });

  /** Registers and confirms; the status is that of the registration. */
  async function register(password: string): Promise<{ readonly status: number; readonly email: string }> {
    const email = address("long");
    const body = { email, password, firstName: "A", lastName: "B", locale: "en" };
    const { status } = await server.call("POST /api/v1/iam/auth/register", { body });
    if (status === 201) {
      const token = await mailedToken(server, email);
      await expectOk(server.call("POST /api/v1/iam/auth/verify-email", { body: { token } }));
    }
    return { status, email };
  }

  it.each([72, 73, 100, 128])("passwords of %i bytes that differ at the end are distinguished or refused", async (bytes) => {
    const { status, email } = await register(sized(bytes, "x"));
    if (status === 400) return;
    expect(status).toBe(201);
    expect((await signIn(email, sized(bytes, "x"))).status).toBe(200);
    for (const other of [
      sized(bytes, "y"),
      sized(bytes - 1, "x"),
      sized(bytes, "x").slice(0, -1),
      `${sized(bytes, "x").slice(0, 126)}x `,
    ]) {
      expect([400, 401], `${other.length} characters`).toContain((await signIn(email, other)).status);
    }
  });

  it("a password longer than 72 bytes is not equal to its first 72 bytes", async () => {
    const { status, email } = await register(sized(72, "x"));
    expect(status).toBe(201);
    for (const more of ["y", "x", " ", "é", "-more".repeat(5)]) {
      expect((await signIn(email, sized(72, "x") + more)).status, more).toBe(401);
    }
    expect((await signIn(email, sized(72, "x"))).status).toBe(200);
  });

  it("passwords of multi-byte characters are distinguished to the last one or refused", async () => {
    for (const letter of ["ế", "语", "👍"]) {
      const long = stem + letter.repeat(128 - stem.length);
      const { status, email } = await register(`${long.slice(0, -letter.length)}x`);
      if (status === 400) continue;
      expect((await signIn(email, `${long.slice(0, -letter.length)}y`)).status).toBe(401);
      expect((await signIn(email, `${long.slice(0, -letter.length)}x`)).status).toBe(200);
    }
  });

  it("passwords with a NUL or half a character are refused, not truncated", async () => {
    for (const password of ["harbour\u0000quiet", "\u0000harbour quiet", "harbour quiet\u0000", "harbour \ud800 quiet"]) {
      expect((await register(password)).status).toBe(400);
    }
    const { email } = await register("harbour quiet");
    for (const password of ["harbour quiet\u0000", "harbour quiet\u0000x", "\u0000"])
      expect((await signIn(email, password)).status).toBe(400);
  });

  it("equivalent Unicode passwords are consistently equal or different", async () => {
    const composed = "caf\u00e9 by the harbour";
    const decomposed = "cafe\u0301 by the harbour";
    const { email } = await register(composed);
    const first = (await signIn(email, decomposed)).status;
    expect((await signIn(email, decomposed)).status).toBe(first);
    expect((await signIn(email, composed)).status).toBe(200);
  });

  it("passwords of one megabyte are refused at once by every operation that takes a password", async () => {
    const huge = "a".repeat(1_000_000);
    const token = "A".repeat(43);
    const person = { email: address("huge"), firstName: "A", lastName: "B", locale: "en" };
    for (const [route, body] of [
      ["register", { ...person, password: huge }],
      ["login", { email: person.email, password: huge }],
      ["reset-password", { token, password: huge }],
      ["login", { email: person.email, password: `${"a".repeat(100)}${"\u0301".repeat(100_000)}` }],
      ["register", { ...person, password: `${"a".repeat(100)}${"\u0301".repeat(100_000)}` }],
      ["login", { email: person.email, password: "\u200d👩".repeat(20_000) }],
    ] as const) {
      const stopwatch = startStopwatch();
      const { status } = await server.call(`POST /api/v1/iam/auth/${route}`, { body });
      expect([400, 413], route).toContain(status);
      expect(stopwatch.idleMs()).toBeLessThan(boundMs);
    }
  });
});

describe("a change of the password hash", () => {
  it("a change of the password hash does not make two passwords equal", async () => {
    const server = await startTestServer({ GATEHOUSE_SIGN_IN_LIMIT: "off" });
    try {
      const password = sized(100, "x");
      const email = address("long");
      await expectOk(
        server.call("POST /api/v1/iam/auth/register", { body: { email, password, firstName: "A", lastName: "B", locale: "en" } }),
      );
      await expectOk(server.call("POST /api/v1/iam/auth/verify-email", { body: { token: await mailedToken(server, email) } }));
      // The same installation after its setting was changed to bcrypt.
      Object.assign(server.application.platform.settings, { passwordHash: "bcrypt" });
      const signIn = (given: string) => server.call("POST /api/v1/iam/auth/login", { body: { email, password: given } });
      for (const _ of [1, 2]) {
        expect((await signIn(password)).status).toBe(200);
        expect((await signIn(sized(100, "y"))).status).toBe(401);
        expect((await signIn(password.slice(0, 72))).status).toBe(401);
      }
    } finally {
      await server.close();
    }
  });
});
