import { expectError, expectWritten } from "@gatehouse/testing/answers.ts";
import { anAddress, newPerson, type Person, password, registration, signIn, tokenIn, unique } from "@gatehouse/testing/people.ts";
import { type Answer, type AnyBody, startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { hash as argon2Hash } from "@node-rs/argon2";
import { hash as bcryptHash } from "@node-rs/bcrypt";
import { sql } from "kysely";
import { afterAll, describe, expect, it } from "vitest";

const server = serverOfSuite();

const chosen = "another quiet harbour";
const forgot = (email: string, on = server): Promise<Answer<AnyBody>> =>
  on.call("POST /api/v1/iam/auth/forgot-password", { body: { email }, from: anAddress() });
const reset = (token: string, next = chosen, on = server): Promise<Answer<AnyBody>> =>
  on.call("POST /api/v1/iam/auth/reset-password", { body: { token, password: next }, from: anAddress() });
const login = (email: string, given: string, on = server): Promise<Answer<AnyBody>> =>
  on.call("POST /api/v1/iam/auth/login", { body: { email, password: given }, from: anAddress() });
const me = (token: string) => server.call("GET /api/v1/iam/users/me", { token });

async function resetToken(person: Person): Promise<string> {
  expectWritten(await forgot(person.email), 202);
  return tokenIn(await server.mail(person.email, "reset-password"));
}

/** Reads and writes the password hash of a user in the database. */
const hashes = {
  async of(email: string, on = server): Promise<string> {
    const { rows } = await sql<{ secret: string }>`select secret from credentials
      join users on users.id = user_id where email = ${email}`.execute(on.application.platform.database.owner);
    return rows[0]?.secret as string;
  },
  async put(email: string, hashed: string, on = server): Promise<void> {
    await sql`update credentials set secret = ${hashed} from users where users.id = user_id and email = ${email}`.execute(
      on.application.platform.database.owner,
    );
  },
};

describe("POST /api/v1/iam/auth/forgot-password", () => {
  it("answers 202 for a known and an unknown address, and mails only the known one", async () => {
    const person = await newPerson(server);
    const known = await forgot(person.email.toUpperCase());
    const unknown = await forgot("nobody-at-all@example.com");
    expectWritten(known, 202);
    expectWritten(unknown, 202);
    expect(known.body).toBe(unknown.body);
    expect(Object.keys(known.headers)).toEqual(Object.keys(unknown.headers));
    const mail = await server.mail(person.email, "reset-password");
    expect(mail.links).toEqual([expect.stringMatching(/^http:\/\/127\.0\.0\.1:8080\/reset-password\?token=[\w-]{43}$/)]);
    // The jobs of both have run.
    await jobsAreDone();
    const inbox = (await server.application.inbox?.list()) ?? [];
    expect(inbox.filter(({ to }) => to === "nobody-at-all@example.com")).toEqual([]);
  });

  it("mails nothing to an unconfirmed address, which a reset would confirm for the person who registered it", async () => {
    const body = registration();
    await server.call("POST /api/v1/iam/auth/register", { body, from: anAddress() });
    await server.mail(body.email, "verify-email");
    expectWritten(await forgot(body.email), 202);
    await jobsAreDone();
    const inbox = (await server.application.inbox?.list()) ?? [];
    expect(inbox.filter(({ to }) => to === body.email).map(({ template }) => template)).toEqual(["verify-email"]);
  });
});

async function jobsAreDone(): Promise<void> {
  const { owner } = server.application.platform.database;
  const open = async () => {
    const { rows } = await sql<{ open: string }>`select count(*)::text as open from jobs.job
      where name in ('notifications.send-mail', 'authentication.start-password-reset') and state in ('created', 'active', 'retry')`.execute(
      owner,
    );
    return rows[0]?.open;
  };
  await expect.poll(open, { timeout: 10_000 }).toBe("0");
}

describe("POST /api/v1/iam/auth/reset-password", () => {
  it("sets the new password, ends every session immediately, and notifies the owner", async () => {
    const person = await newPerson(server);
    const second = await signIn(server, person.email);
    expect((await me(person.token)).status).toBe(200);
    expectWritten(await reset(await resetToken(person)), 204);
    expectError(await me(person.token), 401, "auth.credential_invalid");
    expectError(await me(second), 401, "auth.credential_invalid");
    expectError(await login(person.email, password), 401, "auth.invalid_credentials");
    expect((await login(person.email, chosen)).status).toBe(200);
    expect((await server.mail(person.email, "password-changed")).text).not.toContain("token=");
  });

  it("accepts a token once, also of sixteen concurrent uses", async () => {
    const person = await newPerson(server);
    const token = await resetToken(person);
    const answers = await Promise.all(Array.from({ length: 16 }, (_, index) => reset(token, `a new password ${index}`)));
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
    for (const refused of answers.filter(({ status }) => status !== 204)) expectError(refused, 400, "identity.token_invalid", "token");
    const accepted = answers.findIndex(({ status }) => status === 204);
    expect((await login(person.email, `a new password ${accepted}`)).status).toBe(200);
  });

  it("refuses an unknown and an expired token with separate codes, and writes nothing", async () => {
    const person = await newPerson(server);
    const token = await resetToken(person);
    expectError(await withoutTrace(server, () => reset("x".repeat(43))), 400, "identity.token_invalid", "token");
    server.clock.advance(3_601);
    expectError(await withoutTrace(server, () => reset(token)), 400, "identity.token_expired", "token");
    expect((await login(person.email, password)).status).toBe(200);
  });

  it("accepts an older link after a newer one was requested, and then no other", async () => {
    const person = await newPerson(server);
    const older = await resetToken(person);
    await forgot(person.email);
    await expect.poll(async () => tokenIn(await server.mail(person.email, "reset-password")), { timeout: 10_000 }).not.toBe(older);
    const newer = tokenIn(await server.mail(person.email, "reset-password"));
    expectWritten(await reset(older), 204);
    for (const invalid of [older, newer]) expectError(await reset(invalid), 400, "identity.token_invalid");
  });

  it("accepts one of several links that are used concurrently", async () => {
    const person = await newPerson(server);
    const tokens = [await resetToken(person)];
    for (let link = 0; link < 2; link += 1) {
      await forgot(person.email);
      const last = tokens.at(-1);
      await expect.poll(async () => tokenIn(await server.mail(person.email, "reset-password")), { timeout: 10_000 }).not.toBe(last);
      tokens.push(tokenIn(await server.mail(person.email, "reset-password")));
    }
    const answers = await Promise.all([...tokens, ...tokens].map((token) => reset(token)));
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
  });

  it("refuses a password that violates the rules, and the token remains valid", async () => {
    const person = await newPerson(server);
    const token = await resetToken(person);
    for (const bad of ["password1", "short", person.email, person.email.split("@")[0] as string]) {
      expectError(await withoutTrace(server, () => reset(token, bad)), 400, "common.validation_failed", "password");
    }
    expectWritten(await reset(token), 204);
  });
});

describe("password normalization", () => {
  const composed = "mật khẩu café dài".normalize("NFC");
  it.each([
    ["composed, typed decomposed", composed, composed.normalize("NFD")],
    ["decomposed, typed composed", composed.normalize("NFD"), composed],
    ["with compatibility characters", "\uFB01ne \uFF57ords and \u2460\u2461\u2462", "fine words and 123"],
  ])("accepts an equivalent form: %s", async (_what, set, typed) => {
    const person = await newPerson(server);
    expectWritten(await reset(await resetToken(person), set), 204);
    expect((await login(person.email, typed)).status).toBe(200);
    expectError(await login(person.email, typed.toUpperCase()), 401, "auth.invalid_credentials");
  });

  it("accepts the raw form for an older hash, and replaces the hash", async () => {
    const person = await newPerson(server);
    const typed = composed.normalize("NFD");
    const old = await argon2Hash(typed, { memoryCost: 19_456, timeCost: 2, parallelism: 1 });
    await hashes.put(person.email, old);
    expectError(await login(person.email, composed), 401, "auth.invalid_credentials");
    expect((await login(person.email, typed)).status).toBe(200);
    expect(await hashes.of(person.email)).not.toBe(old);
    expect((await login(person.email, composed)).status).toBe(200);
  });

  it.each([
    ["of full-width letters", "\uFF50\uFF41\uFF53\uFF53\uFF57\uFF4F\uFF52\uFF44\uFF11", "not_common"],
    ["in capitals of full width", "\uFF30\uFF21\uFF33\uFF33\uFF37\uFF2F\uFF32\uFF24\uFF11", "not_common"],
    ["with spaces", "p a s s w o r d 1", "not_common"],
    ["with invisible characters", "pass\u200Bword\u20601", "not_common"],
    ["that is shorter when it is normalized", "e\u0301".repeat(4), "minLength"],
    ["of the product's name and a year", "Gatehouse2026", "not_context"],
    ["of a host name of the installation", "ID-Contoso-2026", "not_context"],
    ["of a word of the operator's list", "projectx2026!", "not_context"],
    ["of the person's names", "Nguyen-Tuyet 1", "not_context"],
    ["of the domain of the address", "acmeworks123", "not_context"],
  ])("does not bypass the rules for a password %s", async (_what, chosenHere, rule) => {
    const other = await installation();
    const body = registration({ password: chosenHere, firstName: "Tuyet", lastName: "Nguyen", email: `p-${unique()}@acmeworks.example` });
    const answer = await other.call("POST /api/v1/iam/auth/register", { body, from: anAddress() });
    expectError(answer, 400, "common.validation_failed", "password");
    expect(answer.body.error.details).toContainEqual(expect.objectContaining({ field: "password", rule }));
  });

  it("accepts a password with a known word and 8 further characters", async () => {
    const other = await installation();
    const body = registration({ password: "gatehouse and a quiet harbour", firstName: "Tuyet", lastName: "Nguyen" });
    expectWritten(await other.call("POST /api/v1/iam/auth/register", { body, from: anAddress() }), 201);
  });

  let opened: Promise<TestServer> | undefined;
  const installation = () => {
    opened ??= startTestServer({ PUBLIC_URL: "https://id.contoso.example", PASSWORD_WORDS: "projectx, falcon" });
    return opened;
  };
  afterAll(async () => (await opened)?.close());
});

describe("hashes of passwords", () => {
  it("are argon2id by default", async () => {
    const person = await newPerson(server);
    expect(await hashes.of(person.email)).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });

  it.each(["2a", "2b", "2y"] as const)("of bcrypt ($%s$) are verified and replaced at sign-in", async (variant) => {
    const person = await newPerson(server);
    const old = "a password from elsewhere";
    const hashed = (await bcryptHash(old, 4)).replace(/^\$2\w\$/, `$${variant}$`);
    await hashes.put(person.email, hashed);
    expectError(await login(person.email, "a wrong password"), 401, "auth.invalid_credentials");
    expect(await hashes.of(person.email)).toBe(hashed);
    expect((await login(person.email, old)).status).toBe(200);
    expect(await hashes.of(person.email)).toMatch(/^\$argon2id\$/);
    expect((await login(person.email, old)).status).toBe(200);
    expectError(await login(person.email, "a wrong password"), 401, "auth.invalid_credentials");
  });

  it("of bcrypt never match a password that is longer than bcrypt's limit", async () => {
    const person = await newPerson(server);
    const read = "x1".repeat(36);
    await hashes.put(person.email, await bcryptHash(read, 4));
    expectError(await login(person.email, `${read} and more`), 401, "auth.invalid_credentials");
    expect((await login(person.email, read)).status).toBe(200);
  });

  it("that are malformed match nothing", async () => {
    const person = await newPerson(server);
    for (const broken of ["", "plain text", "$argon2id$broken", "$2b$10$short"]) {
      await hashes.put(person.email, broken);
      expectError(await login(person.email, password), 401, "auth.invalid_credentials");
      expectError(await login(person.email, broken === "" ? "x" : broken), 401, "auth.invalid_credentials");
    }
  });

  it("are bcrypt with PASSWORD_HASH=bcrypt, which refuses long passwords and replaces argon2id hashes", async () => {
    const other = await startTestServer({ PASSWORD_HASH: "bcrypt" });
    try {
      const person = await newPerson(other);
      expect(await hashes.of(person.email, other)).toMatch(/^\$2[aby]\$12\$/);
      expect((await login(person.email, password, other)).status).toBe(200);
      const register = (chosenHere: string) =>
        other.call("POST /api/v1/iam/auth/register", { body: registration({ password: chosenHere }), from: anAddress() });
      const refused = await withoutTrace(other, () => register(`${"ăq".repeat(24)}a`));
      expectError(refused, 400, "common.validation_failed", "password");
      expect(refused.body.error.details[0].rule).toBe("bytes_max");
      expectWritten(await register("ăq".repeat(24)), 201);
      await hashes.put(person.email, await hashes.of((await newPerson(server)).email), other);
      expect((await login(person.email, password, other)).status).toBe(200);
      expect(await hashes.of(person.email, other)).toMatch(/^\$2[aby]\$12\$/);
    } finally {
      await other.close();
    }
  });
});
