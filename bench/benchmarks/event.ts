import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { type Connection, ConsumerStatus } from "rabbitmq-client";
import { makeOrganization, newAccount, type Organization } from "../fixture.ts";
import { Api } from "../lib/api.ts";
import type { Bench, Benchmark, Measured } from "../lib/benchmark.ts";
import { percentile } from "../lib/calls.ts";
import { startNode } from "../lib/child.ts";
import { startGatehouse } from "../lib/gatehouse.ts";
import { at, send } from "../lib/http.ts";
import { inTurn } from "../lib/in-turn.ts";
import { freshInstallation } from "../lib/installation.ts";
import { inProcessFile } from "../lib/paths.ts";
import { freshDatabase, withClient } from "../lib/postgres.ts";
import { connectRabbitmq, exchangeWithQueue, rabbitmqUrl } from "../lib/rabbitmq.ts";
import { startReference } from "../lib/reference.ts";
import { asMember, checkBody, checkPath } from "./check-requests.ts";

/** Writes of one repetition, one after the other; a P95 needs more than twenty. */
const writes = 40;
/** Polling interval, which is the resolution. */
const askEveryMs = 2;
const giveUpMs = 20_000;
const readyTimeoutMs = 30_000;
const iam = "/api/v1/iam";
const requirement = "event processing p95 below 2 s";

export const eventEffect: Benchmark = {
  name: "event-effect",
  compares: `p95 over ${writes} writes: from the acknowledgement of a command to its effect in the answer of another process, over the worker, NATS and Redis, against a bare transaction with NOTIFY, a listener that writes, and a route that reads`,
  unit: "ms",
  direction: "atMost",
  requirement,
  run: effect,
};

export const eventBroker: Benchmark = {
  name: "event-broker",
  compares: `p95 over ${writes} writes: from the acknowledgement of a command to its event at a consumer of RabbitMQ, through a relay in another process, against a bare publisher with confirms, from its publishing`,
  unit: "ms",
  direction: "atMost",
  requirement,
  run: broker,
};

/** The shared environment of one installation's processes. */
async function installation(bench: Bench) {
  const admin = newAccount("admin");
  const shared = await freshInstallation(bench.scope, admin);
  bench.say("starting gatehouse on PostgreSQL");
  const writer = new Api((await startGatehouse(bench.scope, shared)).url);
  return { shared, writer, organization: await makeOrganization(writer, admin) };
}

async function effect(bench: Bench): Promise<Measured> {
  const { shared, writer, organization } = await installation(bench);
  const { url } = await startGatehouse(bench.scope, { ...shared, GATEHOUSE_ROLE: "query,gateway" });
  const bare = await bareEffect(bench);
  const all: { ours: number[]; reference: number[] } = { ours: [], reference: [] };
  const measured = await inTurn(
    bench,
    "ms",
    p95Of(all.ours, () => productEffect(writer, url, organization)),
    p95Of(all.reference, bare),
  );
  return { ...measured, notes: noteOf(bench, all), p95Ms: percentile(all.ours.slice(writes), 0.95), raw: all };
}

/** Gives a permission to a role and removes it again; each is an effect. */
let given = true;

async function productEffect(writer: Api, reader: string, organization: Organization): Promise<number> {
  const request = asMember(organization, checkPath, checkBody(organization, 0));
  const path = `${iam}/roles/${organization.roleId}/permissions`;
  const call = { token: organization.owner.token, body: { permissions: ["Product"] }, status: 200 };
  await (given ? writer.delete(path, call) : writer.post(path, call));
  given = !given;
  const wanted = given;
  return untilThere(async () => {
    const answer = await send(reader, request);
    const allowed = at(answer, "isAuthorized");
    if (answer.status !== 200 || typeof allowed !== "boolean") throw new Error(`a check answered ${answer.status} ${answer.text}`);
    return allowed === wanted;
  });
}

async function bareEffect(bench: Bench): Promise<() => Promise<number>> {
  const databaseUrl = await freshDatabase(bench.scope);
  await withClient(databaseUrl, (client) =>
    client.query("create table causes (id uuid primary key, data jsonb not null); create table effects (id uuid primary key)"),
  );
  const { url } = await startReference(bench.scope, "listener.ts", { DATABASE_URL: databaseUrl });
  const writer = new pg.Client({ connectionString: databaseUrl });
  await writer.connect();
  bench.scope.defer(() => writer.end());
  return async () => {
    const id = randomUUID();
    await writer.query("begin");
    await writer.query({ name: "cause", text: "insert into causes (id, data) values ($1, '{}')", values: [id] });
    await writer.query({ name: "notify", text: "select pg_notify('causes', $1)", values: [id] });
    await writer.query("commit");
    return untilThere(async () => {
      const answer = await send(url, { method: "GET", path: `/effects/${id}`, headers: {} });
      if (answer.status !== 200) throw new Error(`the listener answered ${answer.status} ${answer.text}`);
      return at(answer, "there") === true;
    });
  };
}

async function untilThere(look: () => Promise<boolean>): Promise<number> {
  const beganAt = performance.now();
  while (!(await look())) {
    if (performance.now() - beganAt > giveUpMs) throw new Error(`an effect was not there within ${giveUpMs} ms`);
    await sleep(askEveryMs);
  }
  return performance.now() - beganAt;
}

async function broker(bench: Bench): Promise<Measured> {
  const { shared, writer, organization } = await installation(bench);
  const connection = await connectRabbitmq(bench.scope, { noDelay: true });
  const name = `bench-${randomBytes(6).toString("hex")}`;
  const [ours, reference] = [`${name}.relay`, `${name}.bare`];
  for (const exchange of [ours, reference]) await exchangeWithQueue(bench.scope, connection, exchange);
  const [fromRelay, fromBare] = [await arrivals(bench, connection, ours), await arrivals(bench, connection, reference)];
  const relay = startNode(bench.scope, {
    name: "relay",
    args: [inProcessFile("relay.ts")],
    env: { ...shared, NODE_ENV: "production", GATEHOUSE_ROLE: "query,worker", BROKER_URL: rabbitmqUrl, EXCHANGE: ours },
  });
  await relay.line("ready", readyTimeoutMs);
  const publisher = connection.createPublisher({ confirm: true });
  bench.scope.defer(() => publisher.close());

  const command = async (): Promise<number> => {
    const label = `Bench ${randomUUID()}`;
    await put(writer, organization, label);
    const acknowledgedAt = performance.now();
    return Math.max(0, (await fromRelay(label)) - acknowledgedAt);
  };
  const bare = async (): Promise<number> => {
    const label = `Bench ${randomUUID()}`;
    const arrived = fromBare(label);
    const sentAt = performance.now();
    await publisher.send({ exchange: reference, routingKey: "organization.settings_updated", durable: true }, { data: { name: label } });
    return (await arrived) - sentAt;
  };
  const all: { ours: number[]; reference: number[] } = { ours: [], reference: [] };
  const measured = await inTurn(bench, "ms", p95Of(all.ours, command), p95Of(all.reference, bare));
  return { ...measured, notes: noteOf(bench, all), p95Ms: percentile(all.ours.slice(writes), 0.95), raw: all };
}

async function put(writer: Api, { id, owner }: Organization, name: string): Promise<void> {
  const answer = await send(writer.url, {
    method: "PUT",
    path: `${iam}/organizations/${id}`,
    headers: { authorization: `Bearer ${owner.token}`, "content-type": "application/json" },
    body: JSON.stringify({ name }),
  });
  if (answer.status !== 200 || at(answer, "name") !== name) throw new Error(`the command answered ${answer.status} ${answer.text}`);
}

/** The time at which the event with a name arrives. The relay may be faster than the acknowledgement. */
async function arrivals(bench: Bench, connection: Connection, queue: string): Promise<(name: string) => Promise<number>> {
  const arrived = new Map<string, PromiseWithResolvers<number>>();
  const of = (name: string) => {
    const known = arrived.get(name) ?? Promise.withResolvers<number>();
    arrived.set(name, known);
    return known;
  };
  const consumer = connection.createConsumer({ queue, queueOptions: { passive: true }, qos: { prefetchCount: 100 } }, (message) => {
    const now = performance.now();
    const body = Buffer.isBuffer(message.body) ? JSON.parse(message.body.toString()) : message.body;
    if (typeof body.data?.name === "string") of(body.data.name).resolve(now);
    return ConsumerStatus.ACK;
  });
  bench.scope.defer(() => consumer.close());
  return async (name) => {
    const late = new AbortController();
    const given = sleep(giveUpMs, undefined, { signal: late.signal }).then(() => {
      throw new Error(`an event did not arrive within ${giveUpMs} ms`);
    });
    given.catch(() => {});
    try {
      return await Promise.race([of(name).promise, given]);
    } finally {
      late.abort();
      arrived.delete(name);
    }
  };
}

/** The repetition's p95; records every delay. */
const p95Of = (all: number[], once: () => Promise<number>) => async (): Promise<number> => {
  const delays: number[] = [];
  for (let index = 0; index < writes; index += 1) delays.push(await once());
  all.push(...delays);
  return percentile(delays, 0.95);
};

function noteOf(bench: Bench, { ours, reference }: { ours: number[]; reference: number[] }): string[] {
  // The first of each are the warm-up.
  const words = (all: number[]) => {
    const counted = all.slice(writes);
    const ms = (part: number) => `${percentile(counted, part).toFixed(1)} ms`;
    return `p50 ${ms(0.5)}, p95 ${ms(0.95)}, longest ${ms(1)}, of ${counted.length}`;
  };
  const notes = [`gatehouse: ${words(ours)}`, `bare: ${words(reference)}`];
  for (const note of notes) bench.say(note);
  return notes;
}
