import { startStopwatch } from "@gatehouse/testing/stopwatch.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aesKeys, masterKeyBytes } from "../keys/aes.ts";
import { masked, maskText } from "./masking.ts";

// Invented secrets in the product's formats.
const session = "ghs_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
const refresh = "ghr_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
const apiKey = "ghk_abcd1234_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
const clientSecret = "ghc_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLW9mLWl0";
const encryptedByFirstRelease = "g1.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const encrypted = aesKeys(Buffer.alloc(masterKeyBytes, 7)).encrypt("a value", "a test");

describe("a masked text", () => {
  it.each([session, refresh, apiKey, clientSecret, jwt, encryptedByFirstRelease, encrypted, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])(
    "contains no credential at any position: %s",
    (secret) => {
      for (const text of [
        secret,
        `the token ${secret} was refused`,
        `"${secret}"`,
        `(${secret}), and so on`,
        `gh_session=${secret}; Path=/`,
        `Authorization: Bearer ${secret}`,
        `{"value":"${secret}"}`,
        `/callback?next=%2Fa%3Fb%3D${secret}`,
        `first line\n${secret}\nlast line`,
        `${secret} and ${secret}`,
      ]) {
        expect(maskText(text), text).not.toContain(secret);
        expect(maskText(text), text).not.toContain(secret.slice(-12));
        expect(maskText(text)).toContain("[secret]");
      }
    },
  );

  it.each<[string, string]>([
    ["https://app.example/verify-email?token=abc123def", "https://app.example/verify-email?token=[secret]"],
    ["https://app.example/reset-password?lang=en&token=abc123def#top", "https://app.example/reset-password?lang=en&token=[secret]#top"],
    ["/callback?code=SplxlOBeZQQYbYS6WxSbIA&state=af0ifjsldkj", "/callback?code=[secret]&state=[secret]"],
    ["https://a.example/cb#access_token=abcdef&token_type=bearer", "https://a.example/cb#access_token=[secret]&token_type=bearer"],
    ["grant_type=password&username=ada&password=hunter2", "grant_type=password&username=ada&password=[secret]"],
    ["client_secret=abc&refresh_token=def&code_verifier=ghi", "client_secret=[secret]&refresh_token=[secret]&code_verifier=[secret]"],
    ["https://api.example/v1?api_key=abc&apikey=def&page=2", "https://api.example/v1?api_key=[secret]&apikey=[secret]&page=2"],
    ["/login?return_to=%2Fa%3Ftoken%3Dabc123%26x%3D1", "/login?return_to=%2Fa%3Ftoken%3D[secret]"],
    ["password=hunter2 was sent", "password=[secret] was sent"],
  ])("contains no secret parameter of %j", (text, expected) => {
    expect(maskText(text)).toBe(expected);
  });

  it.each<[string, string]>([
    ["postgres://gatehouse:p4ssw0rd@db.example:5432/iam", "postgres://gatehouse:[secret]@db.example:5432/iam"],
    ["postgres://gatehouse:p@ss@w0rd@db.example/iam", "postgres://gatehouse:[secret]@db.example/iam"],
    ["redis://:p4ssw0rd@cache.example:6379", "redis://:[secret]@cache.example:6379"],
    ["amqp+ssl://user:p4ssw0rd@broker.example/%2f", "amqp+ssl://user:[secret]@broker.example/%2f"],
    ["smtps://mailer%40example.com:p4ss%40@smtp.example:465", "smtps://m***%40example.com:[secret]@smtp.example:465"],
    [
      "connect to nats://svc:p4ssw0rd@one.example,nats://svc:other@two.example failed",
      "connect to nats://svc:[secret]@one.example,nats://svc:[secret]@two.example failed",
    ],
    ["https://ghp_16C7e42F292c6912E7710c838347Ae178B4a@git.example/repo", "https://[secret]@git.example/repo"],
    ["https://user:p4ssw0rd@api.example/a?b=c", "https://user:[secret]@api.example/a?b=c"],
    ["postgres://gatehouse@db.example/iam", "postgres://g***@db.example/iam"],
    ["https://db.example:5432/a@b", "https://db.example:5432/a@b"],
  ])("contains no credential of the URL %j", (text, expected) => {
    expect(maskText(text)).toBe(expected);
  });

  it.each<[string, string]>([
    ["ada@example.com", "a***@example.com"],
    ["Ada Lovelace <ada.lovelace+work@mail.example.co.uk> has signed in", "Ada Lovelace <a***@mail.example.co.uk> has signed in"],
    ["to=ada%40example.com&x=1", "to=a***%40example.com&x=1"],
    ["nguyễn.văn@ví-dụ.vn", "n***@ví-dụ.vn"],
    ["o'brien@example.ie, b_2@example.org", "o***@example.ie, b***@example.org"],
    ["root@localhost", "r***@localhost"],
    ["Key (email)=(ada@example.com) already exists.", "Key (email)=(a***@example.com) already exists."],
  ])("has only the first letter of the e-mail address in %j", (text, expected) => {
    expect(maskText(text)).toBe(expected);
  });

  it.each<[string, string]>([
    ['{"email":"ada","password":"hunter2","x":1}', '{"email":"ada","password":"[secret]","x":1}'],
    ['Unexpected token in {"newPassword": "a b c", "pin": 1}', 'Unexpected token in {"newPassword": "[secret]", "pin": 1}'],
    ['{\\"access_token\\":\\"abc\\",\\"n\\":1}', '{\\"access_token\\":"[secret]",\\"n\\":1}'],
    ['{"clientSecret":12345}', '{"clientSecret":"[secret]"}'],
  ])("contains no secret of JSON: %j", (text, expected) => {
    expect(maskText(text)).toBe(expected);
  });

  it("contains no credential after an authentication scheme", () => {
    expect(maskText("Authorization: Basic YWRhOmh1bnRlcjI=")).toBe("Authorization: Basic [secret]");
    expect(maskText("authorization: bearer opaque.value~of/another+kind==")).toBe("authorization: bearer [secret]");
  });

  it("contains no private key, also not a truncated one", () => {
    const key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nabc=\n-----END RSA PRIVATE KEY-----";
    expect(maskText(`before\n${key}\nafter`)).toBe("before\n[secret]\nafter");
    expect(maskText(`before ${key.slice(0, 50)}`)).toBe("before [secret]");
  });

  it.each([
    "user 0198a000-0000-7000-8000-000000000001 joined organization 0198a000-0000-7000-8000-0000000000aa",
    "GET /api/v1/iam/users/me answered 200 in 3 ms",
    'duplicate key value violates unique constraint "users_pkey"',
    "code: 42P01, state 'created', 50 % done @ 3 o'clock",
    "membership.removed.v1 for organization/0198",
    "https://app.example/verify-email?lang=en",
    "a token was refused; the password is too short",
    "",
  ])("is unchanged without secrets: %j", (text) => {
    expect(maskText(text)).toBe(text);
  });

  it("does not change when masked again", () => {
    for (const text of [`a ${session} b`, "ada@example.com", "postgres://u:p@h/d", "password=x", "Basic YWRhOmh1bnRlcjI="]) {
      expect(maskText(maskText(text))).toBe(maskText(text));
    }
  });

  it("is computed in linear time", () => {
    for (const piece of [
      "a",
      "a.",
      "a@",
      "%40",
      "://",
      "eyJa.",
      "?token",
      '"password"',
      "-----BEGIN PRIVATE KEY-----",
      " password",
      "\\",
    ]) {
      const text = piece.repeat(Math.ceil(1_000_000 / piece.length));
      const stopwatch = startStopwatch();
      maskText(text);
      // Quadratic time would take minutes here; linear time takes a second on a busy machine.
      expect(stopwatch.idleMs(), piece).toBeLessThan(10_000);
    }
  });

  it("is truncated at its maximum length", () => {
    expect(maskText("x".repeat(20_000))).toMatch(/^x{16000}… \(4000 more characters\)$/);
  });
});

describe("a masked value", () => {
  it.each([
    "password",
    "Password",
    "currentPassword",
    "new_password",
    "passphrase",
    "passwordHash",
    "token",
    "sessionToken",
    "refresh_token",
    "id_token",
    "secret",
    "clientSecret",
    "client_secret",
    "authorization",
    "Authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "apiKey",
    "x-api-key",
    "private_key",
    "masterKey",
    "sealed",
    "otp",
    "pin",
    "recoveryCodes",
    "code_verifier",
    "client_assertion",
    "credentials",
    "tokenHash",
    "jwt",
  ])("never contains the value of a field named %s", (name) => {
    for (const value of ["hunter2", 123456, ["hunter2"], { nested: "hunter2" }, Buffer.from("hunter2")]) {
      expect(masked({ [name]: value })).toEqual({ [name]: "[secret]" });
      expect(masked({ a: [{ b: { [name]: value } }] })).toEqual({ a: [{ b: { [name]: "[secret]" } }] });
    }
  });

  it("may show whether there is a secret", () => {
    expect(masked({ password: null, token: undefined, secret: false, hasPassword: true })).toEqual({
      password: null,
      token: undefined,
      secret: false,
      hasPassword: true,
    });
  });

  it("has other values unchanged", () => {
    const at = new Date();
    const value = {
      userId: "0198a000-0000-7000-8000-000000000001",
      count: 3,
      ok: true,
      none: null,
      at,
      list: [1, "two"],
      tokenId: "t1",
      hashing: "argon2id",
      mapping: "m",
      code: "42P01",
    };
    expect(masked(value)).toEqual(value);
  });

  it("has masked texts at every depth", () => {
    expect(masked(["ada@example.com", { to: "ada@example.com", link: "https://a.example/?token=abc", inner: [[session]] }])).toEqual([
      "a***@example.com",
      { to: "a***@example.com", link: "https://a.example/?token=[secret]", inner: [["[secret]"]] },
    ]);
  });

  it("has masked maps, sets, URLs and bytes", () => {
    expect(
      masked(
        new Map([
          ["password", "hunter2"],
          ["to", "ada@example.com"],
        ]),
      ),
    ).toEqual({ password: "[secret]", to: "a***@example.com" });
    expect(masked(new Set([session]))).toEqual(["[secret]"]);
    expect(masked(new URL("https://ada:hunter2@a.example/?token=abc"))).toBe("https://ada:[secret]@a.example/?token=[secret]");
    expect(masked(Buffer.from("hunter2"))).toBe("[7 bytes]");
    expect(masked({ revision: 18_446_744_073_709_551_615n })).toEqual({ revision: "18446744073709551615" });
  });

  it("is a copy: the argument is unchanged", () => {
    const value = { password: "hunter2", inner: { to: "ada@example.com" } };
    masked(value);
    expect(value).toEqual({ password: "hunter2", inner: { to: "ada@example.com" } });
  });

  it("has an error's causes without their secrets", () => {
    const root = Object.assign(new Error("connect postgres://gatehouse:p4ssw0rd@db.example failed"), {
      code: "ECONNREFUSED",
      detail: "Key (email)=(ada@example.com)",
    });
    const middle = new Error(`token ${session} was refused`, { cause: root });
    const top = new TypeError("mail to ada@example.com failed", { cause: middle });
    const shown = masked({ error: top }) as {
      error: { type: string; message: string; stack: string; cause: { message: string; cause: { message: string; code: string } } };
    };
    expect(shown.error).toMatchObject({
      type: "TypeError",
      message: "mail to a***@example.com failed",
      cause: {
        message: "token [secret] was refused",
        cause: { message: "connect postgres://gatehouse:[secret]@db.example failed", code: "ECONNREFUSED" },
      },
    });
    const text = JSON.stringify(shown);
    for (const secret of ["p4ssw0rd", session, "ada@example.com"]) expect(text).not.toContain(secret);
    expect(shown.error.stack).toContain("masking.test.ts");
  });

  it("has each error of an aggregate, and causes that are not errors", () => {
    expect(masked(new AggregateError([new Error(session), new Error("second")], "both failed"))).toMatchObject({
      message: "both failed",
      errors: [{ message: "[secret]" }, { message: "second" }],
    });
    expect(masked(new Error("failed", { cause: { password: "hunter2" } }))).toMatchObject({ cause: { password: "[secret]" } });
    expect(masked(new Error("failed", { cause: session }))).toMatchObject({ cause: "[secret]" });
  });

  it("is limited in depth and number of fields, also if it is cyclic", () => {
    const circle: Record<string, unknown> = { name: "a" };
    circle["self"] = circle;
    expect(JSON.stringify(masked(circle))).toContain("[deep]");
    const deep = Array.from({ length: 50 }).reduce<unknown>((inner) => ({ inner }), session);
    expect(JSON.stringify(masked(deep))).not.toContain(session);
    const wide = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [
        `field${index}`,
        Object.fromEntries(Array.from({ length: 100 }, (_, inner) => [`inner${inner}`, 1])),
      ]),
    );
    expect(JSON.stringify(masked(wide)).length).toBeLessThan(20_000);
    const cause = new Error("loop");
    cause.cause = cause;
    expect(JSON.stringify(masked(cause))).toContain("loop");
  });

  it("contains the other fields if one cannot be read", () => {
    const value = {
      ok: 1,
      get broken(): string {
        throw new Error("not now");
      },
    };
    expect(masked(value)).toEqual({ ok: 1, broken: "[unreadable]" });
  });

  it("never contains a planted secret, however it is nested", () => {
    const secret = fc.constantFrom(session, refresh, apiKey, clientSecret, jwt);
    const wrapped = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        secret,
        secret.map((text) => `before ${text} after`),
        secret.map((text) => new Error(`failed with ${text}`)),
        secret.map((text) => new URL(`https://a.example/?x=${text}`)),
        fc.array(tie("value"), { maxLength: 4 }),
        fc.dictionary(fc.string(), tie("value"), { maxKeys: 4 }),
        tie("value").map((inner) => new Error("outer", { cause: inner })),
        tie("value").map((inner) => new Map([["key", inner]])),
      ),
    })).value;
    fc.assert(
      fc.property(wrapped, (value) => {
        expect(JSON.stringify(masked(value))).not.toMatch(/gh[srkc]_|eyJ/);
      }),
    );
  });
});
