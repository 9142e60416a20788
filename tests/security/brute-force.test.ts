/** Attack 29 of docs/security/attacks.md. */

import { expectOk } from "@gatehouse/testing/answers.ts";
import { times } from "@gatehouse/testing/lanes.ts";
import { address, mailedToken, newPerson, password } from "@gatehouse/testing/people.ts";
import { type AnyBody, startTestServer } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { describe, expect, it } from "vitest";

/** The limits of authentication/attempts.ts: for an account from one address, and from all addresses. */
const triesOfAnAddress = 10;
const triesOfAll = 100;
/** The limit of login.ts: attempts of one address on any account. */
const callsOfAnAddress = 300;

const server = serverOfSuite();

let next = 0;
/** An unused client address. */
const newAddress = (): string => {
  next += 1;
  return `198.18.${next >> 8}.${next & 255}`;
};

interface Guess {
  readonly email: string;
  readonly from: string;
  readonly password?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const signIn = (guess: Guess) =>
  server.call("POST /api/v1/iam/auth/login", {
    body: { email: guess.email, password: guess.password ?? "a wrong guess" },
    from: guess.from,
    ...(guess.headers === undefined ? {} : { headers: guess.headers }),
  });

/** Guesses for one account, each from an address of its own. A guess that is refused with 503 was not counted, and is made again. */
async function guessFromEverywhere(email: string, count: number) {
  const answers: Awaited<ReturnType<typeof signIn>>[] = [];
  while (answers.length < count) {
    const wave = await Promise.all(times(count - answers.length).map(() => signIn({ email, from: newAddress() })));
    answers.push(...wave.filter(({ status }) => status !== 503));
  }
  return answers;
}

/** The number of answers to passwords that were verified. */
const tried = (answers: readonly { readonly status: number }[]): number =>
  // Sign-ins without a bulkhead permit are refused with 503, and their passwords are not verified either.
  answers.filter(({ status }) => status !== 429 && status !== 503).length;

function expectWaits(answers: readonly { status: number; body: AnyBody; headers: AnyBody }[]): void {
  for (const answer of answers.filter(({ status }) => status === 429)) {
    expect(["auth.too_many_attempts", "common.too_many_requests"]).toContain(answer.body.error.code);
    expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
  }
  expect(answers.every(({ status }) => [401, 429, 503].includes(status))).toBe(true);
}

describe("guessing passwords", () => {
  it("guesses at one account from one address are limited, sequential or 50 at once, known or not", async () => {
    const { email } = await newPerson(server, "target");
    for (const target of [email, address("nobody")]) {
      const from = newAddress();
      const answers = await Promise.all(times(50).map(() => signIn({ email: target, from })));
      expect(tried(answers)).toBe(triesOfAnAddress);
      expectWaits(answers);
      // The right password is one more guess.
      expect((await signIn({ email: target, from, password })).status).toBe(429);
      const one: AnyBody[] = [];
      const another = newAddress();
      for (const _ of times(15)) one.push(await signIn({ email: target, from: another }));
      expect(tried(one)).toBe(triesOfAnAddress);
    }
  });

  it("another spelling of the email address does not reset the limit", async () => {
    const { email } = await newPerson(server, "target");
    const from = newAddress();
    const spellings = [email, email.toUpperCase(), email.replace("target", "Target"), email.replace("example", "EXAMPLE")];
    const answers = await Promise.all(times(40).map((index) => signIn({ email: spellings[index % 4] as string, from })));
    expect(tried(answers)).toBe(triesOfAnAddress);
  });

  it("a spoofed X-Forwarded-For, X-Real-IP or Forwarded does not reset the limit", async () => {
    const { email } = await newPerson(server, "target");
    const from = newAddress();
    const answers = await Promise.all(
      times(50).map((index) => {
        const ip = `203.0.113.${index}`;
        return signIn({ email, from, headers: { "x-forwarded-for": ip, "x-real-ip": ip, "client-ip": ip, forwarded: `for=${ip}` } });
      }),
    );
    expect(tried(answers)).toBe(triesOfAnAddress);
  });

  it("guesses from many addresses are limited for the account, and its owner still signs in from known addresses", async () => {
    const target = await newPerson(server, "target");
    const home = newAddress();
    expect((await signIn({ email: target.email, from: home, password })).status).toBe(200);
    const answers = await guessFromEverywhere(target.email, triesOfAll + 50);
    expect(tried(answers)).toBe(triesOfAll);
    expectWaits(answers);
    expect((await signIn({ email: target.email, from: newAddress(), password })).status).toBe(429);
    expect((await signIn({ email: target.email, from: home, password })).status).toBe(200);
    // The owner's mistakes are counted separately.
    for (const _ of times(3)) expect((await signIn({ email: target.email, from: home })).status).toBe(401);
    expect((await signIn({ email: target.email, from: home, password })).status).toBe(200);
    // Their session stays valid.
    expect((await server.call("GET /api/v1/iam/users/me", { token: target.token })).status).toBe(200);
  });

  it("a limited account is not locked: its owner signs in with a new password from any address", async () => {
    const target = await newPerson(server, "target");
    await guessFromEverywhere(target.email, triesOfAll + 20);
    const away = newAddress();
    expect((await signIn({ email: target.email, from: away, password })).status).toBe(429);
    await expectOk(server.call("POST /api/v1/iam/auth/forgot-password", { body: { email: target.email }, from: away }));
    const token = await mailedToken(server, target.email);
    const fresh = "an entirely new harbour";
    await expectOk(server.call("POST /api/v1/iam/auth/reset-password", { body: { token, password: fresh }, from: away }));
    expect((await signIn({ email: target.email, from: away, password: fresh })).status).toBe(200);
  });

  it("guesses of one password at many accounts are limited for the address", { timeout: 60_000 }, async () => {
    const from = newAddress();
    const answers = await Promise.all(times(callsOfAnAddress + 30).map((index) => signIn({ email: `nobody-${index}@example.com`, from })));
    expect(tried(answers)).toBeLessThanOrEqual(callsOfAnAddress);
    expectWaits(answers);
    expect(tried([await signIn({ email: "nobody-else@example.com", from: newAddress() })])).toBe(1);
  });

  it("guesses of tokens are limited for the address", async () => {
    for (const [route, body, limit] of [
      ["verify-email", {}, 60],
      ["reset-password", { password }, 60],
    ] as const) {
      const from = newAddress();
      const answers = await Promise.all(
        times(limit + 20).map((index) =>
          server.call(`POST /api/v1/iam/auth/${route}`, { from, body: { token: `guess-${String(index).padStart(40, "0")}`, ...body } }),
        ),
      );
      expect(tried(answers)).toBe(limit);
    }
  });
});

describe("behind a proxy", () => {
  it("an X-Forwarded-For of the client is ignored behind a proxy that adds to it", async () => {
    const proxied = await startTestServer({ TRUST_PROXY: "true" });
    try {
      const email = address("nobody");
      const answers = await Promise.all(
        times(40).map((index) =>
          proxied.call("POST /api/v1/iam/auth/login", {
            body: { email, password: "a wrong guess" },
            from: "10.0.0.1",
            headers: { "x-forwarded-for": `203.0.113.${index}, 198.51.100.7` },
          }),
        ),
      );
      expect(tried(answers)).toBe(triesOfAnAddress);
    } finally {
      await proxied.close();
    }
  });

  it("two clients behind a proxy are two addresses", async () => {
    const proxied = await startTestServer({ TRUST_PROXY: "true" });
    try {
      const guess = (client: string) =>
        proxied.call("POST /api/v1/iam/auth/login", {
          body: { email: "nobody@example.com", password: "a wrong guess" },
          from: "10.0.0.1",
          headers: { "x-forwarded-for": client },
        });
      expect(tried(await Promise.all(times(20).map(() => guess("198.51.100.7"))))).toBe(triesOfAnAddress);
      expect((await guess("198.51.100.8")).status).toBe(401);
    } finally {
      await proxied.close();
    }
  });
});
