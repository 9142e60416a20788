import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { makeOrganization, newAccount, type Organization } from "../fixture.ts";
import { Api } from "../lib/api.ts";
import type { Bench, Benchmark, Measured } from "../lib/benchmark.ts";
import { startNode } from "../lib/child.ts";
import { startGatehouse } from "../lib/gatehouse.ts";
import { inTurn } from "../lib/in-turn.ts";
import { connectNats, natsUrl, type Requests, requestForSeconds } from "../lib/nats.ts";
import { serverFile } from "../lib/paths.ts";
import { freshDatabase } from "../lib/postgres.ts";
import { cpuSeconds } from "../lib/process-table.ts";
import { scratchFolder } from "../lib/scratch.ts";
import { median } from "../lib/statistics.ts";
import { checkBody } from "./check-requests.ts";

const inFlight = 32;
/** Number of distinct checks. */
const distinct = 64;
const readyTimeoutMs = 30_000;

export const checkNats: Benchmark = {
  name: "check-nats",
  compares: `check over NATS request and reply, ${inFlight} in flight, against the same bytes from a bare NATS responder`,
  unit: "req/s",
  target: 0.6,
  direction: "atLeast",
  run: againstBareResponder,
};

export const scaleQuery: Benchmark = {
  name: "scale-query",
  compares: `check over NATS with two query processes against one, ${2 * inFlight} in flight; they share the machine's cores with NATS and the load`,
  unit: "req/s",
  direction: "atLeast",
  requirement: "query processes are added as the load grows",
  run: twoAgainstOne,
};

async function againstBareResponder(bench: Bench): Promise<Measured> {
  const installation = await makeInstallation(bench);
  await installation.start("query");
  const connection = await connectNats(bench.scope);
  const ours = installation.requests();
  const right = (await connection.request(ours.subject, ours.bodies[0])).string();
  ours.expect(right);
  const subject = `${installation.prefix}.constant`;
  const bare = startNode(bench.scope, {
    name: "nats-constant",
    args: [serverFile("nats-constant.ts")],
    env: { NODE_ENV: "production", NATS_URL: natsUrl, SUBJECT: subject, ANSWER_BODY: right },
  });
  await bare.line("ready", readyTimeoutMs);
  const reference: Requests = {
    ...ours,
    subject,
    expect: (answer) => {
      if (answer !== right) throw new Error(`the bare responder answered ${answer}`);
    },
  };
  const rate = (requests: Requests) => () => requestForSeconds(connection, requests, inFlight, bench.seconds);
  return inTurn(bench, "req/s", rate(ours), rate(reference));
}

async function twoAgainstOne(bench: Bench): Promise<Measured> {
  // Two installations on two databases, so that both can be loaded in turn in one run.
  const [two, one] = [await makeInstallation(bench), await makeInstallation(bench)];
  await two.start("query");
  await two.start("query");
  await one.start("query");
  const connection = await connectNats(bench.scope);
  const used = new Map<Installation, { rate: number; cores: number }[]>();
  const rate = (installation: Installation) => async () => {
    const before = installation.cpuSeconds();
    const beganAt = performance.now();
    const perSecond = await requestForSeconds(connection, installation.requests(), 2 * inFlight, bench.seconds);
    const cores = (installation.cpuSeconds() - before) / ((performance.now() - beganAt) / 1_000);
    used.set(installation, [...(used.get(installation) ?? []), { rate: perSecond, cores }]);
    return perSecond;
  };
  const measured = await inTurn(bench, "req/s", rate(two), rate(one));
  const notes = [
    `${availableParallelism()} cores for the query processes, NATS, PostgreSQL and the load together`,
    `two processes: ${costOf(used.get(two))}`,
    `one process: ${costOf(used.get(one))}`,
  ];
  for (const note of notes) bench.say(note);
  return { ...measured, notes };
}

/** The cost of a check shows how it would scale with more cores; the rate shows only this machine. */
function costOf(all: readonly { rate: number; cores: number }[] = []): string {
  // The first is the warm-up.
  const cores = median(all.slice(1).map((one) => one.cores));
  const microseconds = median(all.slice(1).map((one) => (one.cores / one.rate) * 1e6));
  return `${cores.toFixed(2)} cores, ${microseconds.toFixed(0)} µs of a core for each check`;
}

interface Installation {
  readonly prefix: string;
  /** Starts a process with this role, on this installation's database and subjects. */
  start(role: string): Promise<void>;
  requests(): Requests;
  /** Processor seconds of all its processes so far; NaN where the system does not report them. */
  cpuSeconds(): number;
}

/** A database with an organization, created through a temporary gateway. */
async function makeInstallation(bench: Bench): Promise<Installation> {
  const admin = newAccount("admin");
  const prefix = `bench-${randomBytes(6).toString("hex")}`;
  const shared = {
    DATABASE_URL: await freshDatabase(bench.scope),
    GATEHOUSE_DATA_DIR: await scratchFolder(bench.scope),
    GATEHOUSE_MASTER_KEY: randomBytes(32).toString("base64"),
    GATEHOUSE_ADMIN_EMAIL: admin.email,
    GATEHOUSE_ADMIN_PASSWORD: admin.password,
    GATEHOUSE_SIGN_IN_LIMIT: "off",
    GATEHOUSE_DECISION_STEPS: "1000000000",
    GATEHOUSE_QUOTA_ORGANIZATIONS: "1000000",
    NATS_PREFIX: prefix,
    // The load generator uses NATS directly.
    NATS_SERVICE_CALLS: "accept",
  };
  bench.say("starting gatehouse on PostgreSQL");
  const maker = await startGatehouse(bench.scope, shared);
  const organization = await makeOrganization(new Api(maker.url), admin);
  // The last permission is in the projection once a check is allowed by it.
  await new Api(maker.url).post("/api/v1/iam/authorization/check", {
    body: checkBody(organization, 0),
    token: organization.member.token,
    status: 200,
  });
  await maker.child.stop();
  const pids: number[] = [];
  return {
    prefix,
    async start(role) {
      pids.push((await startGatehouse(bench.scope, { ...shared, NATS_URL: natsUrl, GATEHOUSE_ROLE: role })).child.pid);
    },
    requests: () => questions(prefix, organization),
    cpuSeconds: () => pids.reduce((sum, pid) => sum + (cpuSeconds(pid) ?? Number.NaN), 0),
  };
}

function questions(prefix: string, organization: Organization): Requests {
  const credential = { token: organization.member.token, from: "header" };
  return {
    subject: `${prefix}.rpc.query.decisions.check`,
    bodies: Array.from({ length: distinct }, (_, index) =>
      Buffer.from(JSON.stringify({ input: checkBody(organization, index), credential })),
    ),
    expect(answer) {
      const { isAuthorized, missingPermissions, decisionId } = JSON.parse(answer);
      const right = isAuthorized === true && missingPermissions.length === 0 && typeof decisionId === "string";
      if (!right) throw new Error(`a check over NATS answered ${answer}`);
    },
  };
}
