import type { Bench, Benchmark } from "../lib/benchmark.ts";
import { expectAnswer, expectText } from "../lib/http.ts";
import type { Side } from "../lib/side.ts";
import { type Sides, sideBySide } from "../lib/side-by-side.ts";
import { json, signInPath, signUpMany, startBetterAuth } from "./better-auth-users.ts";
import { connections, gatehouseSignIn, people, probeEveryMs, secondsFactor } from "./sign-in-gatehouse.ts";

export const signInBetterAuth: Benchmark = {
  name: "sign-in-better-auth",
  compares: "POST auth/login (argon2id) against better-auth's e-mail sign-in (scrypt), both on PostgreSQL",
  unit: "req/s",
  target: 6,
  direction: "atLeast",
  requirement: "login p95 below 500 ms",
  // One pair of processes: hashing sets the figure, and it is native code, the same after every start.
  run: (bench) => sideBySide(bench, setUp, { seconds: bench.seconds * secondsFactor, processes: 1 }),
};

async function setUp(bench: Bench): Promise<Sides> {
  return { ours: (await gatehouseSignIn(bench)).side, reference: await betterAuthSignIn(bench) };
}

async function betterAuthSignIn(bench: Bench): Promise<Side> {
  const { url, child } = await startBetterAuth(bench, "off");
  const accounts = await signUpMany(url, people);
  return {
    name: "better-auth",
    url,
    pid: child.pid,
    connections,
    probeEveryMs,
    questions: accounts.map((account) => ({
      request: json(signInPath, account),
      expect: (answer) => {
        expectAnswer("better-auth sign-in", answer, 200, { "user.email": account.email });
        expectText("better-auth sign-in", answer, "token");
      },
    })),
  };
}
