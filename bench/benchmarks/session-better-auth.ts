import type { Account } from "../fixture.ts";
import type { Bench, Benchmark } from "../lib/benchmark.ts";
import { expectAnswer, expectText } from "../lib/http.ts";
import type { Question, Side } from "../lib/side.ts";
import { type Sides, sideBySide } from "../lib/side-by-side.ts";
import { signInCookies, signUpMany, startBetterAuth } from "./better-auth-users.ts";
import { connections, gatehouseSessions, sessions } from "./session-gatehouse.ts";

const requirement = "session validation p95 below 20 ms";

export const sessionBetterAuth: Benchmark = {
  name: "session-better-auth",
  compares: "GET auth/session against better-auth get-session, both on PostgreSQL",
  unit: "req/s",
  target: 10,
  direction: "atLeast",
  requirement,
  run: (bench) => sideBySide(bench, (fresh) => setUp(fresh, "off")),
};

export const sessionBetterAuthCookie: Benchmark = {
  name: "session-better-auth-cookie",
  compares: "GET auth/session against better-auth get-session with its cookie cache",
  unit: "req/s",
  target: 7,
  direction: "atLeast",
  requirement,
  run: (bench) => sideBySide(bench, (fresh) => setUp(fresh, "on")),
};

async function setUp(bench: Bench, cookieCache: "on" | "off"): Promise<Sides> {
  return { ours: await gatehouseSessions(bench), reference: await betterAuthSessions(bench, cookieCache) };
}

async function betterAuthSessions(bench: Bench, cookieCache: "on" | "off"): Promise<Side> {
  const { url, child } = await startBetterAuth(bench, cookieCache);
  const questions: Question[] = [];
  for (const account of await signUpMany(url, sessions)) {
    const cookie = await signInCookies(url, account);
    if (cookie.includes("session_data=") !== (cookieCache === "on")) {
      throw new Error(`better-auth, cookie cache ${cookieCache}, set these cookies at sign-in: ${cookie}`);
    }
    questions.push({ request: { method: "GET", path: "/api/auth/get-session", headers: { cookie } }, expect: expectSession(account) });
  }
  return {
    name: cookieCache === "on" ? "better-auth with cookie cache" : "better-auth",
    url,
    pid: child.pid,
    connections,
    questions,
  };
}

function expectSession(account: Account): Question["expect"] {
  return (answer) => {
    expectAnswer("better-auth session", answer, 200, { "user.email": account.email });
    expectText("better-auth session", answer, "session.id");
  };
}
