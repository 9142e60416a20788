import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { asMember, checkBody, checkPath } from "../benchmarks/check-requests.ts";
import { makeOrganization, newAccount, type Organization, register } from "../fixture.ts";
import { fillOutbox } from "../in-process/outbox.ts";
import { Api } from "../lib/api.ts";
import type { Bench } from "../lib/benchmark.ts";
import type { Child } from "../lib/child.ts";
import { type CountingProxy, countingProxy } from "../lib/counting-proxy.ts";
import { startGatehouse } from "../lib/gatehouse.ts";
import { type Answer, at, expectAnswer, type HttpRequest, send } from "../lib/http.ts";
import { freshInstallation } from "../lib/installation.ts";
import { natsUrl } from "../lib/nats.ts";
import { freshDatabase } from "../lib/postgres.ts";
import { residentBytes } from "../lib/process-table.ts";
import { connectRabbitmq, drain, exchangeWithQueue, rabbitmqUrl } from "../lib/rabbitmq.ts";
import type { Figure, Survey } from "../lib/survey.ts";

const iam = "/api/v1/iam";
/** Time of the idle measurement, whose traffic is subtracted. */
const idleMs = 10_000;
/** Concurrent requests while connections are counted: more than any pool has. */
const crowd = 32;
const events = 2_000;
const roles = ["gateway", "query", "command", "worker"] as const;
type Role = (typeof roles)[number];

export const traffic: Survey = {
  name: "traffic",
  measures: "bytes on each wire for each kind of request, and connections to PostgreSQL, of an installation with one process for each role",
  run,
};

/** Wires by name, as `gateway-nats`. */
type Wires = Record<string, CountingProxy>;

interface Kind {
  readonly id: string;
  readonly what: string;
  readonly times: number;
  once(): Promise<void>;
}

async function run(bench: Bench): Promise<Figure[]> {
  const { wires, gateway, organization, account, children } = await startSet(bench);
  const figures: Figure[] = [];
  await sleep(2_000);
  const idle = await idleRates(wires);
  for (const [wire, perSecond] of Object.entries(idle)) {
    figures.push({ id: `idle.${wire}`, what: `idle, ${wire.replace("-", " and ")}`, value: perSecond, unit: "B/s" });
  }
  for (const kind of kinds(gateway.url, organization, account)) {
    // The first few fill caches.
    for (let index = 0; index < 5; index += 1) await kind.once();
    await sleep(1_000);
    const before = bytesOf(wires);
    const beganAt = performance.now();
    // One after the other: commands on one organization would wait for each other and retry.
    await inLanes(kind.times, 1, kind.once);
    // Background work of a command has finished by then.
    await sleep(2_000);
    const seconds = (performance.now() - beganAt) / 1_000;
    const after = bytesOf(wires);
    for (const wire of Object.keys(wires)) {
      const bytes = ((after[wire] ?? 0) - (before[wire] ?? 0) - (idle[wire] ?? 0) * seconds) / kind.times;
      figures.push({
        id: `${kind.id}.${wire}`,
        what: `${kind.what}, ${wire.replace("-", " and ")}`,
        value: Math.max(0, Math.round(bytes)),
        unit: "B",
        note: `both directions, of ${kind.times}`,
      });
    }
    bench.say(`${kind.what} measured`);
  }
  figures.push(...(await connections(wires, gateway.url, organization)));
  for (const [role, { pid }] of children) {
    const value = Math.round(residentBytes(pid) / 2 ** 20);
    figures.push({ id: `memory.${role}`, what: `resident memory, one ${role} process after this`, value, unit: "MiB" });
  }
  figures.push(await perEvent(bench));
  return figures;
}

async function startSet(bench: Bench) {
  const admin = newAccount("admin");
  const shared = await freshInstallation(bench.scope, admin);
  bench.say("making an organization");
  const maker = await startGatehouse(bench.scope, shared);
  const api = new Api(maker.url);
  const organization = await makeOrganization(api, admin);
  const account = await register(api, "signer");
  await maker.child.stop();

  bench.say("starting one process for each role");
  const wires: Wires = {};
  const children = new Map<Role, Child>();
  const start = async (role: Role) => {
    const nats = await countingProxy(bench.scope, natsUrl);
    wires[`${role}-nats`] = nats;
    const own: Record<string, string> = { ...shared, GATEHOUSE_ROLE: role, NATS_URL: nats.url };
    if (role !== "gateway") {
      const [toDatabase, toRedis] = [
        await countingProxy(bench.scope, shared.DATABASE_URL),
        await countingProxy(bench.scope, shared.REDIS_URL),
      ];
      wires[`${role}-postgresql`] = toDatabase;
      wires[`${role}-redis`] = toRedis;
      Object.assign(own, { DATABASE_URL: toDatabase.url, REDIS_URL: toRedis.url });
    }
    const started = await startGatehouse(bench.scope, own);
    children.set(role, started.child);
    return started;
  };
  for (const role of roles.slice(1)) await start(role);
  const { url } = await start("gateway");
  const gateway = await countingProxy(bench.scope, url);
  wires["client-gateway"] = gateway;
  return { wires, gateway: { url: gateway.url.replace(/\/$/, "") }, organization, account, children };
}

function kinds(url: string, organization: Organization, { email, password }: { email: string; password: string }): Kind[] {
  const expect = async (request: HttpRequest, right: (answer: Answer) => void) => right(await send(url, request));
  const status = (wanted: number) => (answer: Answer) => expectAnswer("gateway", answer, wanted);
  const owner = { authorization: `Bearer ${organization.owner.token}`, "content-type": "application/json" };
  const path = `${iam}/organizations/${organization.id}`;
  let sent = 0;
  return [
    {
      id: "check",
      what: "a check from the cache",
      times: 1_000,
      once: () =>
        expect(asMember(organization, checkPath, checkBody(organization, sent++)), (answer) =>
          expectAnswer("gateway", answer, 200, { isAuthorized: true }),
        ),
    },
    {
      id: "query",
      what: "a query of one organization",
      times: 500,
      once: () => expect({ method: "GET", path, headers: { authorization: owner.authorization } }, status(200)),
    },
    {
      id: "command",
      what: "a change of an organization",
      times: 200,
      once: () => expect({ method: "PUT", path, headers: owner, body: JSON.stringify({ name: `Bench ${randomUUID()}` }) }, status(200)),
    },
    {
      id: "rights",
      what: "a change of rights",
      times: 100,
      once: async () => {
        const call = { path: `${iam}/roles/${organization.roleId}/permissions`, headers: owner };
        const body = JSON.stringify({ permissions: ["Product"] });
        await expect({ ...call, method: "POST", body }, status(200));
      },
    },
    {
      id: "sign-in",
      what: "a sign-in",
      times: 50,
      once: () =>
        expect(
          {
            method: "POST",
            path: `${iam}/auth/login`,
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ email, password }),
          },
          (answer) => {
            expectAnswer("gateway", answer, 200);
            if (typeof at(answer, "sessionToken") !== "string") throw new Error(`a sign-in answered ${answer.text}`);
          },
        ),
    },
  ];
}

async function inLanes(times: number, lanes: number, once: () => Promise<void>): Promise<void> {
  let left = times;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await once();
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

const bytesOf = (wires: Wires): Record<string, number> =>
  Object.fromEntries(Object.entries(wires).map(([name, wire]) => [name, wire.bytes()]));

async function idleRates(wires: Wires): Promise<Record<string, number>> {
  const before = bytesOf(wires);
  await sleep(idleMs);
  const after = bytesOf(wires);
  return Object.fromEntries(Object.keys(wires).map((name) => [name, ((after[name] ?? 0) - (before[name] ?? 0)) / (idleMs / 1_000)]));
}

/** The maximum of open connections, under more requests than the pools have. */
async function connections(wires: Wires, url: string, organization: Organization): Promise<Figure[]> {
  const most = new Map<Role, number>();
  const look = setInterval(() => {
    for (const role of roles) most.set(role, Math.max(most.get(role) ?? 0, wires[`${role}-postgresql`]?.open() ?? 0));
  }, 5);
  const headers = { authorization: `Bearer ${organization.owner.token}`, "content-type": "application/json" };
  const query = async () => {
    const request = { method: "GET" as const, path: `${iam}/organizations/${organization.id}`, headers };
    busyOr(200, await send(url, request));
  };
  // Of new organizations, which do not wait for each other.
  const command = async () => {
    const slug = `bench-${randomUUID()}`;
    const request = {
      method: "POST" as const,
      path: `${iam}/organizations`,
      headers,
      body: JSON.stringify({ name: slug, slug, country: "DE" }),
    };
    busyOr(201, await send(url, request));
  };
  try {
    await inLanes(crowd * 10, crowd, query);
    await inLanes(crowd * 5, crowd, command);
    await sleep(1_000);
  } finally {
    clearInterval(look);
  }
  return roles.map((role) => ({
    id: `connections.${role}`,
    what: `connections to PostgreSQL, one ${role} process`,
    value: most.get(role) ?? 0,
    unit: "",
    note: `the most that were open, ${crowd} requests at once`,
  }));
}

/** A server that refuses requests for lack of permits has its connections open, too. */
function busyOr(status: number, answer: Answer): void {
  if (answer.status !== 503) expectAnswer("gateway", answer, status);
}

/** Through the relay, with the confirms, in batches of the relay's size. */
async function perEvent(bench: Bench): Promise<Figure> {
  const wire = await countingProxy(bench.scope, rabbitmqUrl);
  const connection = await connectRabbitmq(bench.scope);
  const exchange = `bench-${randomBytes(6).toString("hex")}`;
  await exchangeWithQueue(bench.scope, connection, exchange);
  const outbox = await fillOutbox(await freshDatabase(bench.scope), wire.url, events, 200);
  bench.scope.defer(() => outbox.close());
  await outbox.relayAll(exchange);
  await drain(connection, exchange, events);
  return {
    id: "event.worker-broker",
    what: "an event, worker and broker",
    value: Math.round(wire.bytes() / events),
    unit: "B",
    note: `both directions, of ${events}`,
  };
}
