import { registerMany, type SignedIn, signIn } from "../fixture.ts";
import type { Bench } from "../lib/benchmark.ts";
import { startOnPostgres } from "../lib/gatehouse-on-postgres.ts";
import { expectAnswer, expectText } from "../lib/http.ts";
import type { Side } from "../lib/side.ts";

/** Users with one session each, validated in turn on both sides of every session benchmark. */
export const sessions = 16;
/** Enough that the server always has a request waiting, too few for a queue to form. */
export const connections = 64;

/** The product's session validation, on PostgreSQL. */
export async function gatehouseSessions(bench: Bench): Promise<Side> {
  const gatehouse = await startOnPostgres(bench);
  const users: SignedIn[] = [];
  for (const account of await registerMany(gatehouse.api, sessions)) users.push(await signIn(gatehouse.api, account));
  return {
    name: "gatehouse",
    url: gatehouse.url,
    pid: gatehouse.child.pid,
    connections,
    questions: users.map((user) => ({
      request: { method: "GET", path: "/api/v1/iam/auth/session", headers: { authorization: `Bearer ${user.token}` } },
      expect: (answer) => {
        expectAnswer("gatehouse session", answer, 200, { "user.id": user.userId, "user.email": user.email });
        expectText("gatehouse session", answer, "session.id");
      },
    })),
  };
}
