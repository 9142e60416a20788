import { type Answer, type HttpRequest, send } from "./http.ts";
import type { LoadGenerator, LoadResult } from "./load.ts";
import { startProbe } from "./probe.ts";
import { cpuSeconds } from "./process-table.ts";

/** A request with the check of its answer. */
export interface Question {
  request: HttpRequest;
  /** Throws WrongAnswer unless this is the right answer. */
  expect(answer: Answer): void;
}

/** One side of a comparison over HTTP. */
export interface Side {
  name: string;
  url: string;
  pid: number;
  /** Sent repeatedly, one after the other. */
  questions: Question[];
  connections: number;
  /** The weight of one request: 100 where it has a hundred checks. */
  perRequest?: number;
  probeEveryMs?: number;
}

export interface Repetition extends LoadResult {
  perSecond: number;
  /** Cores that the server process used while under load, 1 being one whole core. */
  serverCpu: number | null;
}

/** Runs one repetition: checks answers before, during and after it, and the counts of the generator. */
export async function loadOnce(generator: LoadGenerator, side: Side, seconds: number): Promise<Repetition> {
  const shortestBody = await checkAnswers(side);
  const probe = startProbe(side);
  const cpuBefore = cpuSeconds(side.pid);
  const startedAt = performance.now();
  const requests = side.questions.map((question) => question.request);
  const result = await generator.run({ url: side.url, requests, connections: side.connections, seconds });
  const serverCpu = share(cpuBefore, cpuSeconds(side.pid), startedAt);
  await probe.stop();
  await checkAnswers(side);
  await refuseBadCounts(side, result, shortestBody);
  return { ...result, perSecond: (result.requests * (side.perRequest ?? 1)) / result.seconds, serverCpu };
}

/** Sends every request once and checks its whole answer. Returns the length of the shortest body. */
async function checkAnswers(side: Side): Promise<number> {
  let shortest = Number.POSITIVE_INFINITY;
  for (const question of side.questions) {
    const answer = await send(side.url, question.request);
    question.expect(answer);
    shortest = Math.min(shortest, Buffer.byteLength(answer.text));
  }
  return shortest;
}

async function refuseBadCounts(side: Side, result: LoadResult, shortestBody: number): Promise<void> {
  const failed = (what: string) => new Error(`${side.name}, of ${result.requests} answers under load: ${what}`);
  if (result.requests === 0) throw failed("nothing was answered");
  if (result.badStatus > 0) {
    // The generator only counts. Sending all requests at once may reproduce the wrong answer.
    await Promise.all(side.questions.map(async ({ request, expect }) => expect(await send(side.url, request))));
    throw failed(`${result.badStatus} without success`);
  }
  if (result.socketErrors > 0) throw failed(`${result.socketErrors} connections failed, broke or timed out`);
  // wrk counts a redirect or an empty 204 as a success; too few bytes reveal them.
  if (result.bytes < result.requests * shortestBody) {
    throw failed(`${result.bytes} bytes came back; right answers have at least ${shortestBody} each`);
  }
}

function share(before: number | null, after: number | null, startedAt: number): number | null {
  if (before === null || after === null) return null;
  return (after - before) / ((performance.now() - startedAt) / 1000);
}
