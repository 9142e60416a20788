import { setTimeout as pause } from "node:timers/promises";
import { eventually } from "@gatehouse/testing/until.ts";
import { capabilities } from "./support/capabilities.ts";
import { Load } from "./support/load.ts";
import { speedOf } from "./support/report.ts";
import { countsOf, type Scenario, type Stage } from "./support/stage.ts";

/**
 * The slowest refusal: the server cancels a statement after ten seconds, the client gives up two seconds later, and the gateway waits
 * fifteen seconds for a command's answer.
 */
const refusedWithinMs = 16_000;
/** After the database answers again. */
const recoveredWithinMs = 10_000;

/** The lease and the last report of a peer that reaches the database (decision 0022); the rest allows for a busy machine. */
const knownWithinMs = 3_000;

type Away = "stopped" | "killed" | "frozen";

export const databaseStopped = awayScenario("PostgreSQL stopped and back", "stopped");
export const databaseKilled = awayScenario("PostgreSQL killed and back", "killed");
export const databaseFrozen = awayScenario("PostgreSQL frozen and back", "frozen");

function awayScenario(name: string, how: Away): Scenario {
  return {
    name,
    guarantee: "Commands are refused in time, nothing acknowledged is lost, and all recover without a restart.",
    async run(stage) {
      const { application, schools, form } = stage;
      const load = await Load.start(application, schools);
      await everyProcessKnows(stage);
      await pause(1_500);
      const before = application.fleet.members.map(({ starts }) => starts).join();
      await take(stage, how);
      const checked = await askWhileAway(stage, how, how === "frozen" ? form.awayMs * 2 : form.awayMs);
      await bringBack(stage, how);
      const recoveredMs = await recovery(stage);
      await pause(1_000);
      const report = await load.stopAndVerify();
      const problems = [...report.problems, ...checked.problems];
      if (application.fleet.members.map(({ starts }) => starts).join() !== before) problems.push("a process was restarted to recover");
      if (recoveredMs > recoveredWithinMs) problems.push(`the first command after it took ${recoveredMs} ms`);
      return { problems, ...checked.counts, recoveredMs, slowestMs: speedOf(load.seen).maxMs, ...countsOf(report) };
    },
  };
}

async function take({ application: { postgresql } }: Stage, how: Away): Promise<void> {
  if (how === "frozen") postgresql.freeze();
  else if (how === "killed") await postgresql.kill();
  else await postgresql.stop();
}

async function bringBack({ application: { postgresql } }: Stage, how: Away): Promise<void> {
  if (how === "frozen") postgresql.thaw();
  else await postgresql.start();
}

const check = ({ application: { http }, calm: { id, member } }: Stage) =>
  http.call("POST /api/v1/iam/authorization/check", {
    token: member.token,
    body: { userId: member.id, tenantId: id, actionType: "Document.Write" },
    retry: false,
  });

/** Without the database an uncached session cannot be found, so both processes get a request before. */
async function everyProcessKnows(stage: Stage): Promise<void> {
  for (let count = 0; count < 30; count += 1) await check(stage);
}

/** Sends commands and checks sequentially without a retry, to measure the product's first answer. */
async function askWhileAway(stage: Stage, how: Away, awayMs: number) {
  const { http } = stage.application;
  const [{ owner }] = stage.schools as [Stage["schools"][number]];
  const problems: string[] = [];
  const beganAt = performance.now();
  const until = beganAt + awayMs;
  const counts = { refused: 0, "slowest refusal ms": 0, "checks answered": 0, "checks refused": 0 };
  const commands = async (): Promise<void> => {
    while (performance.now() < until) {
      const answer = await http.call("PUT /api/v1/iam/users/me", { token: owner.token, body: { locale: "en" }, retry: false });
      const tookMs = Math.round(answer.endedAt - answer.beganAt);
      if (answer.status === 503) counts.refused += 1;
      else if (answer.beganAt < until - 500 && answer.endedAt < until)
        problems.push(`a command was answered with ${answer.status} while the database was away`);
      counts["slowest refusal ms"] = Math.max(counts["slowest refusal ms"], tookMs);
      await pause(100);
    }
  };
  const checks = async (): Promise<void> => {
    await pause(knownWithinMs);
    while (performance.now() < until) {
      const answer = await check(stage);
      if (answer.endedAt < until) counts[answer.status === 200 ? "checks answered" : "checks refused"] += 1;
      if (![200, 503].includes(answer.status)) problems.push(`a check was answered with ${answer.status}`);
      if (answer.status === 200 && answer.body.isAuthorized !== true) problems.push("a check was denied that had been allowed");
      await pause(100);
    }
  };
  await Promise.all([commands(), checks()]);
  if (counts["slowest refusal ms"] > refusedWithinMs) problems.push(`a refusal took ${counts["slowest refusal ms"]} ms`);
  if (counts.refused === 0) problems.push("no command was refused");
  // Another process may reach a frozen database, so only refused connections show that it is unavailable (decision 0022).
  if (capabilities.sharedCache && how !== "frozen") {
    const { "checks answered": answered, "checks refused": refused } = counts;
    if (answered === 0 || refused > answered / 10)
      problems.push(`${refused} checks were refused and ${answered} answered without the database`);
  } else if (counts["checks answered"] > 0) problems.push("a check was answered from a memory whose lease was over");
  return { problems, counts };
}

async function recovery({ application: { http }, schools }: Stage): Promise<number> {
  const [{ owner }] = schools as [Stage["schools"][number]];
  const began = performance.now();
  await eventually(
    async () => {
      const { status } = await http.call("PUT /api/v1/iam/users/me", { token: owner.token, body: { locale: "vi" }, retry: false });
      if (status !== 200) throw new Error(`a command is answered with ${status} after the database is back`);
    },
    { withinMs: 60_000 },
  );
  return Math.round(performance.now() - began);
}
