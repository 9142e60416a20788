import { randomBytes } from "node:crypto";
import type { Bench, Benchmark } from "../lib/benchmark.ts";
import { expectAnswer } from "../lib/http.ts";
import { freshDatabase, withClient } from "../lib/postgres.ts";
import { startReference } from "../lib/reference.ts";
import { loadOnce, type Side } from "../lib/side.ts";
import { sideBySide } from "../lib/side-by-side.ts";
import { connections, gatehouseSessions, sessions } from "./session-gatehouse.ts";

const rowsInTable = 10_000;
/** The best of these is used, so that the reference does not lose by its configuration. */
const poolSizes = [4, 8, 10];

export const sessionSelect: Benchmark = {
  name: "session-select",
  compares: "GET auth/session against a bare Fastify route with one prepared SELECT by token",
  unit: "req/s",
  target: 1.5,
  direction: "atLeast",
  requirement: "session validation p95 below 20 ms",
  run: async (bench) => {
    const databaseUrl = await freshDatabase(bench.scope);
    const tokens = await fillTable(databaseUrl);
    const poolSize = await bestPoolSize(bench, databaseUrl, tokens);
    return sideBySide(bench, async (fresh) => ({
      ours: await gatehouseSessions(fresh),
      reference: await selectSide(fresh.scope, databaseUrl, tokens, poolSize),
    }));
  },
};

async function bestPoolSize(bench: Bench, databaseUrl: string, tokens: string[]): Promise<number> {
  let best = { poolSize: 0, perSecond: 0 };
  for (const poolSize of poolSizes) {
    await using scope = new AsyncDisposableStack();
    const side = await selectSide(scope, databaseUrl, tokens, poolSize);
    await loadOnce(bench.generator, side, bench.seconds);
    const { perSecond } = await loadOnce(bench.generator, side, bench.seconds);
    bench.say(`the SELECT with a pool of ${poolSize}: ${Math.round(perSecond).toLocaleString("en-US")}/s`);
    if (perSecond > best.perSecond) best = { poolSize, perSecond };
  }
  return best.poolSize;
}

async function selectSide(scope: AsyncDisposableStack, databaseUrl: string, tokens: string[], poolSize: number): Promise<Side> {
  const env = { DATABASE_URL: databaseUrl, POOL_SIZE: String(poolSize) };
  const { url, child } = await startReference(scope, "session-select.ts", env);
  return {
    name: `one SELECT, pool of ${poolSize}`,
    url,
    pid: child.pid,
    connections,
    questions: tokens.map((token) => ({
      request: { method: "GET", path: "/session", headers: { authorization: `Bearer ${token}` } },
      expect: (answer) => expectAnswer("select", answer, 200, { "session.email": `${token}@bench.example` }),
    })),
  };
}

/** Returns tokens that are spread over the table. */
async function fillTable(databaseUrl: string): Promise<string[]> {
  const tokens = Array.from({ length: rowsInTable }, () => randomBytes(32).toString("base64url"));
  await withClient(databaseUrl, async (client) => {
    await client.query(`
      create table session (
        id uuid primary key default gen_random_uuid(),
        token text not null unique,
        user_id uuid not null default gen_random_uuid(),
        email text not null,
        created_at timestamptz not null default now(),
        expires_at timestamptz not null default now() + interval '7 days',
        ip_address text not null default '127.0.0.1',
        user_agent text not null default 'bench'
      )`);
    await client.query("insert into session (token, email) select t, t || '@bench.example' from unnest($1::text[]) t", [tokens]);
    await client.query("analyze session");
  });
  return tokens.filter((_, index) => index % (rowsInTable / sessions) === 0);
}
