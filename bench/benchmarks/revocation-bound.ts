import { setTimeout as sleep } from "node:timers/promises";
import { makeOrganization, newAccount, type Organization, signIn } from "../fixture.ts";
import { Api } from "../lib/api.ts";
import type { Bench, Benchmark, Measured } from "../lib/benchmark.ts";
import { percentile } from "../lib/calls.ts";
import { startGatehouse } from "../lib/gatehouse.ts";
import { type Answer, at, send } from "../lib/http.ts";
import { freshInstallation } from "../lib/installation.ts";
import { busyCores } from "../lib/quiet.ts";
import { median } from "../lib/statistics.ts";
import { asMember, checkBody, checkPath } from "./check-requests.ts";

/** Half of them remove a permission, half end a session. */
const rounds = 200;
const processCount = 3;
const boundMs = 1_000;
/** Polling interval, which is the resolution. */
const askEveryMs = 2;
const giveUpMs = 20_000;
const iam = "/api/v1/iam";

export const revocationBound: Benchmark = {
  name: "revocation-bound",
  compares: `p99 over ${rounds} revocations and ${processCount} processes: from the acknowledgement of the write to the refusal, over NATS and Redis, against the bound of ${boundMs} ms`,
  unit: "ms",
  target: 1,
  direction: "atMost",
  requirement: "changed rights and ended sessions count at once",
  run: againstTheBound,
};

interface Question {
  ask(url: string): Promise<Answer>;
  allowed(answer: Answer): boolean;
  refused(answer: Answer): boolean;
}

async function againstTheBound(bench: Bench): Promise<Measured> {
  const { writer, readers, organization } = await startSet(bench);
  const busyBefore = await busyCores();
  const delays: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const once = round % 2 === 0 ? roleTaken(writer, organization) : sessionEnded(writer, organization);
    delays.push(...(await once(readers)));
    if ((round + 1) % 50 === 0) bench.say(`${round + 1} of ${rounds} rounds, p99 so far ${percentile(delays, 0.99).toFixed(1)} ms`);
  }
  const [p50, p99, longest] = [median(delays), percentile(delays, 0.99), Math.max(...delays)].map((ms) => ms.toFixed(1));
  return {
    pairs: [{ ours: percentile(delays, 0.99), reference: boundMs, busyBefore }],
    notes: [`p50 ${p50} ms, p99 ${p99} ms, longest ${longest} ms, of ${delays.length}`],
    raw: { delays },
  };
}

/** One process with all roles, and others with the roles query and gateway. */
async function startSet(bench: Bench) {
  const admin = newAccount("admin");
  const shared = await freshInstallation(bench.scope, admin);
  bench.say(`starting a writer and ${processCount} query processes`);
  const writer = new Api((await startGatehouse(bench.scope, shared)).url);
  const organization = await makeOrganization(writer, admin);
  const readers: string[] = [];
  for (let index = 0; index < processCount; index += 1) {
    readers.push((await startGatehouse(bench.scope, { ...shared, GATEHOUSE_ROLE: "query,gateway" })).url);
  }
  return { writer, readers, organization };
}

function roleTaken(writer: Api, organization: Organization) {
  const path = `${iam}/roles/${organization.roleId}/permissions`;
  const call = { token: organization.owner.token, body: { permissions: ["Product"] }, status: 200 };
  const request = asMember(organization, checkPath, checkBody(organization, 0));
  const question: Question = {
    ask: (url) => send(url, request),
    allowed: (answer) => answer.status === 200 && at(answer, "isAuthorized") === true,
    refused: (answer) => answer.status === 200 && at(answer, "isAuthorized") === false,
  };
  return async (readers: readonly string[]): Promise<number[]> => {
    await Promise.all(readers.map((url) => until(url, question, "allowed")));
    await writer.delete(path, call);
    const delays = await delaysOf(readers, question);
    await writer.post(path, call);
    return delays;
  };
}

function sessionEnded(writer: Api, { id, member }: Organization) {
  return async (readers: readonly string[]): Promise<number[]> => {
    const { email, password } = member;
    const { token } = await signIn(writer, { email, password }, id);
    const question: Question = {
      ask: (url) => send(url, { method: "GET", path: `${iam}/users/me`, headers: { authorization: `Bearer ${token}` } }),
      allowed: (answer) => answer.status === 200,
      refused: (answer) => answer.status === 401,
    };
    await Promise.all(readers.map((url) => until(url, question, "allowed")));
    await writer.post(`${iam}/auth/logout`, { token, status: 204 });
    return delaysOf(readers, question);
  };
}

/** Milliseconds from now until each process has refused. */
async function delaysOf(readers: readonly string[], question: Question): Promise<number[]> {
  const acknowledgedAt = performance.now();
  return Promise.all(readers.map(async (url) => (await until(url, question, "refused")) - acknowledgedAt));
}

/** The time at which the answer of a process changed to `wanted`. */
async function until(url: string, question: Question, wanted: "allowed" | "refused"): Promise<number> {
  const giveUpAt = performance.now() + giveUpMs;
  for (;;) {
    const answer = await question.ask(url);
    if (question[wanted](answer)) return performance.now();
    const other = wanted === "refused" ? question.allowed(answer) : question.refused(answer);
    if (!other) throw new Error(`a process answered ${answer.status} ${answer.text}`);
    if (performance.now() > giveUpAt) throw new Error(`nothing was ${wanted} within ${giveUpMs} ms; last ${answer.status} ${answer.text}`);
    await sleep(askEveryMs);
  }
}
