import { randomBytes } from "node:crypto";
import { type Account, newAccount } from "../fixture.ts";
import type { Bench } from "../lib/benchmark.ts";
import { expectAnswer, expectText, type HttpRequest, send } from "../lib/http.ts";
import { freshDatabase } from "../lib/postgres.ts";
import { type Reference, startReference } from "../lib/reference.ts";

export const signInPath = "/api/auth/sign-in/email";

/** better-auth in its own process, on its own database of the same PostgreSQL. */
export async function startBetterAuth(bench: Bench, cookieCache: "on" | "off"): Promise<Reference> {
  const databaseUrl = await freshDatabase(bench.scope);
  bench.say(`starting better-auth on PostgreSQL, cookie cache ${cookieCache}`);
  return startReference(bench.scope, "better-auth.ts", {
    DATABASE_URL: databaseUrl,
    SECRET: randomBytes(32).toString("base64"),
    COOKIE_CACHE: cookieCache,
  });
}

export async function signUpMany(url: string, count: number): Promise<Account[]> {
  const accounts: Account[] = [];
  for (let index = 0; index < count; index += 1) {
    const account = newAccount(`user${index}`);
    const answer = await send(url, json("/api/auth/sign-up/email", { ...account, name: "Bench User" }));
    expectAnswer("better-auth sign-up", answer, 200, { "user.email": account.email });
    accounts.push(account);
  }
  return accounts;
}

/** Signs in and returns the cookies as a browser would send them back. */
export async function signInCookies(url: string, account: Account): Promise<string> {
  const answer = await send(url, json(signInPath, account));
  expectAnswer("better-auth sign-in", answer, 200, { "user.email": account.email });
  expectText("better-auth sign-in", answer, "token");
  return (answer.headers["set-cookie"] ?? [])
    .filter((cookie) => !/max-age=0/i.test(cookie))
    .map((cookie) => cookie.slice(0, cookie.indexOf(";")))
    .join("; ");
}

export function json(path: string, body: unknown): HttpRequest {
  return { method: "POST", path, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}
