import { expectError, expectWritten } from "@gatehouse/testing/answers.ts";
import { anAddress, newPerson, password, registration, tokenIn, unique } from "@gatehouse/testing/people.ts";
import { type Answer, type AnyBody, startTestServer } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";

const server = serverOfSuite();

const register = (body: unknown, from = anAddress()): Promise<Answer<AnyBody>> =>
  server.call("POST /api/v1/iam/auth/register", { body, from });
const verify = (token: string, proof: { password?: string; newPassword?: string } = {}): Promise<Answer<AnyBody>> =>
  server.call("POST /api/v1/iam/auth/verify-email", { body: { token, ...proof }, from: anAddress() });
const login = (email: string, chosen = password): Promise<Answer<AnyBody>> =>
  server.call("POST /api/v1/iam/auth/login", { body: { email, password: chosen }, from: anAddress() });
const headerNames = (answer: Answer<AnyBody>): string[] =>
  Object.keys(answer.headers)
    .filter((name) => name !== "content-length")
    .sort();

/** Registers and returns the mailed token. `before` is the token of an earlier registration of the address. */
async function registeredToken(body: ReturnType<typeof registration>, before?: string): Promise<string> {
  expectWritten(await register(body), 201);
  await expect.poll(async () => tokenIn(await server.mail(body.email, "verify-email")), { timeout: 10_000 }).not.toBe(before);
  return tokenIn(await server.mail(body.email, "verify-email"));
}

describe("POST /api/v1/iam/auth/register", () => {
  it("answers 201 with the user, without password or token, and mails a confirmation link", async () => {
    const body = registration({ email: `Lan.${unique()}@Example.com`, locale: "vi-vn" });
    const answer = await register(body);
    expectWritten(answer, 201);
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/),
      email: body.email,
      firstName: "Lan",
      lastName: "Tran",
      locale: "vi-VN",
      status: "PendingConfirmation",
      emailUndeliverableAt: null,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      updatedAt: answer.body.createdAt,
      version: 1,
    });
    const mail = await server.mail(body.email, "verify-email");
    expect(mail.links).toEqual([expect.stringMatching(/^http:\/\/127\.0\.0\.1:8080\/verify-email\?token=[\w-]{43}$/)]);
  });

  it("answers for a known address as for a new one, does not change its user, and mails its owner", async () => {
    const owner = await newPerson(server);
    const fresh = await register(registration());
    const known = await register(
      registration({ email: owner.email.toUpperCase(), password: "another long password", firstName: "Someone" }),
    );
    expect(known.status).toBe(fresh.status);
    expect(Object.keys(known.body)).toEqual(Object.keys(fresh.body));
    expect(known.body).toMatchObject({ status: "PendingConfirmation", version: 1, firstName: "Someone" });
    expect(known.body.id).not.toBe(owner.id);
    expect(headerNames(known)).toEqual(headerNames(fresh));
    const mail = await server.mail(owner.email, "address-known");
    expect(mail.text).not.toContain("token=");
    expect((await login(owner.email)).status).toBe(200);
    // The same answer as for a new address: it does not disclose the existing account.
    expectError(await login(owner.email, "another long password"), 403, "auth.email_not_verified");
    expectError(await login(owner.email, "a third long password"), 401, "auth.invalid_credentials");
  });

  it("confirms the registration of a link with its password, and invalidates the other registration", async () => {
    for (const confirmed of [0, 1] as const) {
      const email = `twice-${unique()}@example.com`;
      const both = [
        registration({ email, password: "the first one's password", firstName: "First" }),
        registration({ email, password: "the second one's password", firstName: "Second" }),
      ] as const;
      const first = await registeredToken(both[0]);
      const second = await registeredToken(both[1], first);
      const tokens = [first, second] as const;
      const other = 1 - confirmed;
      const mine = { password: (both[confirmed] as { password: string }).password };
      const theirs = { password: (both[other] as { password: string }).password };
      const refused = await withoutTrace(server, () => verify(tokens[confirmed], theirs));
      expectError(refused, 403, "identity.registration_password_wrong", "password");
      const answer = await verify(tokens[confirmed], mine);
      expect(answer.body).toMatchObject({ status: "Active", firstName: both[confirmed].firstName, email });
      expectError(await verify(tokens[other] as string), 400, "identity.token_invalid", "token");
      expect((await login(email, both[confirmed].password)).status).toBe(200);
      expect((await login(email, (both[other] as { password: string }).password)).status).toBe(401);
    }
  });

  it("creates one user for concurrent registrations of one address, and refuses none of them", async () => {
    const email = `at-once-${unique()}@example.com`;
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, index) => register(registration({ email, firstName: `Number ${index}` }))),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(201));
    const { rows } = await sql<{ count: string }>`select count(*)::text as count from users where email = ${email}`.execute(
      server.application.platform.database.owner,
    );
    expect(rows[0]?.count).toBe("1");
  });

  it.each([
    ["vi-vn", "vi-VN"],
    ["EN", "en"],
    ["zh-hant-tw", "zh-Hant-TW"],
    ["iw", "he"],
  ])("stores the locale %s as %s, the canonical form of BCP 47", async (given, stored) => {
    expect((await register(registration({ locale: given }))).body.locale).toBe(stored);
  });

  it.each(["vi_VN", "x", "", "english-language", "en--US", "de-123456789", "sh-001"])("refuses the locale %j", async (locale) => {
    const answer = await withoutTrace(server, () => register(registration({ locale })));
    expectError(answer, 400, "common.validation_failed", "locale");
  });

  it.each([
    ["an address without @", { email: "lan.example.com" }, "email"],
    ["an address that is too long", { email: `${"a".repeat(250)}@example.com` }, "email"],
    ["an address with a line break", { email: "lan@example.com\nbcc: b@example.com" }, "email"],
    ["an empty name", { firstName: "" }, "firstName"],
    ["a name of spaces", { lastName: "   " }, "lastName"],
    ["a name that is too long", { firstName: "n".repeat(256) }, "firstName"],
    ["a name with NUL", { firstName: "Lan\u0000" }, "firstName"],
    ["a status", { status: "Active" }, "status"],
    ["an id", { id: "0198c0de-0000-7000-8000-000000000000" }, "id"],
  ])("refuses %s and writes nothing", async (_what, overrides, field) => {
    const answer = await withoutTrace(server, () => register(registration(overrides)));
    expectError(answer, 400, "common.validation_failed", field);
  });

  it("stores a name of any script without changes", async () => {
    const firstName = "Nguyễn 漢字 \u{1F469}\u200D\u{1F680} e\u0301";
    const body = registration({ firstName });
    expect((await register(body)).body.firstName).toBe(firstName);
    const { rows } = await sql<{ first_name: string }>`select first_name from users where email = ${body.email}`.execute(
      server.application.platform.database.owner,
    );
    expect(rows[0]?.first_name).toBe(firstName);
  });

  it("limits registrations by address with 429 and Retry-After", async () => {
    const from = anAddress();
    const body = registration({ password: "password1" });
    for (let call = 0; call < 30; call += 1) expect((await register(body, from)).status).toBe(400);
    const limited = await withoutTrace(server, () => register(registration(), from));
    expectError(limited, 429, "common.too_many_requests");
    expect(Number(limited.headers["retry-after"])).toBeGreaterThan(0);
    expect((await register(registration())).status).toBe(201);
  });
});

describe("the rules for a password", () => {
  it.each([
    ["8 characters", "xk3 vq9w"],
    ["128 characters", "q7".repeat(64)],
    ["only lower-case letters", "quietgreenharbour"],
    ["spaces at both ends", "  a quiet harbour "],
    ["another script", "mật khẩu của tôi rất dài"],
    ["emoji", "\u{1F40B}\u{1F30A}\u{26F5}\u{1F305}\u{1F41F}\u{1F990}\u{1F9C2}\u{1F6F6}"],
  ])("accept %s, and only exactly that password signs in", async (_what, chosen) => {
    const body = registration({ password: chosen });
    expectWritten(await register(body), 201);
    expect((await login(body.email, chosen)).body.error.code).toBe("auth.email_not_verified");
    const almost = chosen.trim() === chosen ? `${[...chosen].slice(0, -1).join("")} ` : chosen.trim();
    expect((await login(body.email, almost)).body.error.code).toBe("auth.invalid_credentials");
  });

  const email = `lan-own-${unique()}@example.com`;
  it.each([
    ["7 characters", "xk3 vq9", "minLength"],
    ["129 characters", `${"q7".repeat(64)}x`, "maxLength"],
    ["a common one", "password1", "not_common"],
    ["a common one in capitals", "QWERTYUIOP", "not_common"],
    ["a breached one", "trustno1", "not_common"],
    ["one repeated character", "aaaaaaaaaaaaaa", "not_common"],
    ["the own address", email, "not_own_address"],
    ["the own address in capitals", email.toUpperCase(), "not_own_address"],
    ["the local part of the address", email.split("@")[0] as string, "not_own_address"],
  ])("refuse %s and write nothing", async (_what, chosen, rule) => {
    const answer = await withoutTrace(server, () => register(registration({ email, password: chosen })));
    expectError(answer, 400, "common.validation_failed", "password");
    expect(answer.body.error.details).toContainEqual(expect.objectContaining({ field: "password", rule }));
    expect(JSON.stringify(answer.body)).not.toContain(chosen);
  });
});

describe("the language of a mail", () => {
  it.each([
    ["en", "Confirm your e-mail address", "en"],
    ["vi", "Xác minh địa chỉ email của bạn", "vi"],
    ["vi-VN", "Xác minh địa chỉ email của bạn", "vi"],
    ["fr", "Confirm your e-mail address", "en"],
  ])("is chosen by the locale %s", async (locale, subject, language) => {
    const body = registration({ locale, firstName: 'A <b>"&' });
    await register(body);
    const mail = await server.mail(body.email, "verify-email");
    expect(mail.subject).toBe(subject);
    expect(mail.html).toContain(`<html lang="${language}">`);
    expect(mail.html).toContain("A &lt;b&gt;&quot;&amp;");
    expect(mail.text).toContain('A <b>"&');
  });
});

describe("POST /api/v1/iam/auth/verify-email", () => {
  it("activates the user once, and refuses a used link like an unknown one", async () => {
    const token = await registeredToken(registration());
    const answer = await verify(token);
    expectWritten(answer, 200);
    expect(answer.body).toMatchObject({ status: "Active", version: 2 });
    const used = await withoutTrace(server, () => verify(token));
    expectError(used, 400, "identity.token_invalid", "token");
    const unknown = await withoutTrace(server, () => verify("x".repeat(43)));
    expectError(unknown, 400, "identity.token_invalid", "token");
    expect({ ...used.body.error, traceId: "" }).toEqual({ ...unknown.body.error, traceId: "" });
  });

  it("accepts a token once of sixteen concurrent uses", async () => {
    const token = await registeredToken(registration());
    const answers = await Promise.all(Array.from({ length: 16 }, () => verify(token)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const refused of answers.filter(({ status }) => status !== 200)) expectError(refused, 400, "identity.token_invalid", "token");
  });

  it("has a separate code for an expired link, also of an earlier registration", async () => {
    const email = `late-${unique()}@example.com`;
    const first = await registeredToken(registration({ email }));
    const second = await registeredToken(registration({ email }), first);
    server.clock.advance(25 * 3_600);
    for (const token of [first, second]) {
      expectError(await withoutTrace(server, () => verify(token)), 400, "identity.token_expired", "token");
    }
    expect((await verify(await registeredToken(registration({ email }), second))).status).toBe(200);
  });

  it.each([{}, { token: "" }, { token: 5 }, { token: "x".repeat(201) }, { token: "x".repeat(43), email: "a@example.com" }])(
    "refuses the body %j",
    async (body) => {
      const answer = await withoutTrace(server, () => server.call("POST /api/v1/iam/auth/verify-email", { body, from: anAddress() }));
      expect(answer).toMatchObject({ status: 400, body: { error: { code: "common.validation_failed" } } });
    },
  );
});

describe("a confirmation link without the password of its registration", () => {
  const names = { firstName: "Vera", lastName: "Victim" };
  const twice = async (): Promise<{ email: string; tokens: readonly string[] }> => {
    const email = `contested-${unique()}@example.com`;
    const first = await registeredToken(registration({ email, ...names, password: "the first one's password" }));
    const second = await registeredToken(registration({ email, ...names, password: "the second one's password" }), first);
    return { email, tokens: [first, second] };
  };

  it.each([0, 1])("confirms a contested address and accepts no password until a reset (link %i)", async (opened) => {
    const { email, tokens } = await twice();
    expect((await verify(tokens[opened] as string)).body).toMatchObject({ status: "Active" });
    for (const chosen of ["the first one's password", "the second one's password", "!"]) {
      expectError(await login(email, chosen), 401, "auth.invalid_credentials");
    }
    const reset = tokenIn(await server.mail(email, "reset-password"));
    const body = { token: reset, password: "a harbour of my own" };
    expectWritten(await server.call("POST /api/v1/iam/auth/reset-password", { body, from: anAddress() }), 204);
    expect((await login(email, "a harbour of my own")).status).toBe(200);
  });

  it("sets a new password for the owner of the mailbox", async () => {
    const { email, tokens } = await twice();
    const weak = await withoutTrace(server, () => verify(tokens[1] as string, { newPassword: "password1" }));
    expectError(weak, 400, "common.validation_failed", "password");
    expectWritten(await verify(tokens[1] as string, { newPassword: "a harbour of my own" }), 200);
    expect((await login(email, "a harbour of my own")).status).toBe(200);
    expectError(await login(email, "the second one's password"), 401, "auth.invalid_credentials");
  });

  it("is refused with both password and newPassword", async () => {
    const token = await registeredToken(registration());
    const both = await withoutTrace(server, () => verify(token, { password, newPassword: "a harbour of my own" }));
    expectError(both, 400, "common.validation_failed", "newPassword");
  });

  it("remains valid after a second link of the same registration is requested", async () => {
    const body = registration();
    const first = await registeredToken(body);
    const again = () => server.call("POST /api/v1/iam/auth/resend-confirmation", { body: { email: body.email }, from: anAddress() });
    expectWritten(await again(), 202);
    await expect.poll(async () => tokenIn(await server.mail(body.email, "verify-email")), { timeout: 10_000 }).not.toBe(first);
    expectWritten(await verify(first), 200);
    expect((await login(body.email)).status).toBe(200);
  });

  it("of an early registration remains valid, however often the address is registered again", async () => {
    const email = `crowded-${unique()}@example.com`;
    const first = await registeredToken(registration({ email }));
    for (let other = 0; other < 12; other += 1)
      expectWritten(await register(registration({ email, password: `another quiet ${other}` })), 201);
    expectWritten(await verify(first, { password }), 200);
    expect((await login(email)).status).toBe(200);
  });
});

describe("with KNOWN_ADDRESS=explicit", () => {
  it("a registration of a known address is refused with 409 without a mail to its owner", async () => {
    const closed = await startTestServer({ KNOWN_ADDRESS: "explicit" });
    try {
      const owner = await newPerson(closed);
      const answer = await withoutTrace(closed, () =>
        closed.call("POST /api/v1/iam/auth/register", { body: registration({ email: owner.email }), from: anAddress() }),
      );
      expectError(answer, 409, "identity.email_taken", "email");
    } finally {
      await closed.close();
    }
  });
});
