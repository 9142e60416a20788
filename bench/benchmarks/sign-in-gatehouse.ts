import { registerMany } from "../fixture.ts";
import type { Bench } from "../lib/benchmark.ts";
import { type RunningGatehouse, startOnPostgres } from "../lib/gatehouse-on-postgres.ts";
import { expectAnswer, expectText } from "../lib/http.ts";
import type { Side } from "../lib/side.ts";
import { json } from "./better-auth-users.ts";

/** Different people sign in at the same time; a row lock on one of them would measure something else. */
export const people = 16;
/** A verification keeps a core busy for milliseconds: a few waiting requests are enough to keep every core busy. */
export const connections = 8;
/** The probe's sign-ins are not counted, so it runs rarely. */
export const probeEveryMs = 2_000;
/** Sign-ins are slow: in a longer repetition those cut off at its end matter less. */
export const secondsFactor = 2;

export async function gatehouseSignIn(bench: Bench): Promise<{ side: Side; gatehouse: RunningGatehouse }> {
  const gatehouse = await startOnPostgres(bench);
  const accounts = await registerMany(gatehouse.api, people);
  const side: Side = {
    name: "gatehouse",
    url: gatehouse.url,
    pid: gatehouse.child.pid,
    connections,
    probeEveryMs,
    questions: accounts.map((account) => ({
      request: json("/api/v1/iam/auth/login", account),
      expect: (answer) => {
        expectAnswer("gatehouse sign-in", answer, 200, { "user.email": account.email });
        expectText("gatehouse sign-in", answer, "sessionToken");
      },
    })),
  };
  return { side, gatehouse };
}
