import { setTimeout as pause } from "node:timers/promises";
import { eventually } from "@gatehouse/testing/until.ts";
import { administrator } from "./support/application.ts";
import { type Answer, HttpClient } from "./support/http.ts";
import type { Member } from "./support/product.ts";
import type { Scenario, ScenarioReport } from "./support/stage.ts";

/** Concurrent sign-ins: hashing takes most of a second, so that they are in flight when the signal comes. */
const inFlight = 6;
/** Long enough for the answering process to receive a request, and too short for its answer. */
const underWayAfterMs = 40;

/**
 * Sends SIGTERM with requests in flight and without retries, to the gateway and to the command and query processes behind it.
 */
export const terminateScenario: Scenario = {
  name: "SIGTERM with requests in flight",
  guarantee: "Accepted requests are answered, later ones are refused at once, and the process ends with code 0.",
  async run({ application }): Promise<ScenarioReport> {
    const { fleet } = application;
    const problems: string[] = [];
    const login = { body: { ...administrator }, retry: false };
    const { body } = await application.http.must(200, "POST /api/v1/iam/auth/login", login);
    const counts = { answered: 0, refusedLater: 0 };
    for (const role of ["gateway", "command", "query", "worker"] as const) {
      await fleet.allReady();
      const [member] = fleet.of(role) as readonly [Member];
      const [gateway] = fleet.of("gateway") as readonly [Member];
      const http = new HttpClient([gateway.url]);
      const requests = Array.from(
        { length: inFlight },
        (_, index): Promise<Answer> =>
          role === "query"
            ? http.call(`GET /api/v1/users?limit=${100 + index}`, { token: body.sessionToken, retry: false })
            : http.call("POST /api/v1/iam/auth/login", login),
      );
      await pause(role === "query" ? 1 : underWayAfterMs);
      const ending = fleet.replace(member);
      const answers = await Promise.all(requests);
      const lost = answers.filter(({ status }) => status !== 200);
      counts.answered += answers.length - lost.length;
      for (const { status, body: said } of lost) problems.push(`${role}: a request under way got ${status} ${JSON.stringify(said)}`);
      const { code, signal } = await ending;
      if (code !== 0) problems.push(`${role} ended with ${code ?? signal}`);
    }
    counts.refusedLater = await refusedWhileEnding(fleet.of("gateway")[0] as Member, fleet.replace, problems);
    await eventually(() => fleet.allReady(), { withinMs: 60_000 });
    return { problems, ...counts };
  },
};

/** Sends requests to a gateway from the signal until its exit: each is answered completely, or refused at once. */
async function refusedWhileEnding(member: Member, replace: (member: Member) => Promise<unknown>, problems: string[]): Promise<number> {
  const http = new HttpClient([member.url]);
  let over = false;
  let refused = 0;
  const ended = replace(member).then(() => {
    over = true;
  });
  while (!over) {
    const { status, beganAt, endedAt } = await http.call("GET /api/v1/iam/users/me", { retry: false });
    if (status === 0 || status === 503) refused += 1;
    else if (status !== 401) problems.push(`a gateway that ends answered with ${status}`);
    if (endedAt - beganAt > 2_000) problems.push(`a gateway that ends answered after ${Math.round(endedAt - beganAt)} ms`);
    await pause(5);
  }
  await ended;
  return refused;
}
