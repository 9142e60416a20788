import { randomBytes } from "node:crypto";
import { describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import { makeDatabase, type TestDatabase } from "@gatehouse/testing/postgres.ts";
import { type Wire, wireTo } from "@gatehouse/testing/proxy.ts";
import { type OwnRedis, startRedis } from "@gatehouse/testing/redis.ts";
import { listens, services } from "@gatehouse/testing/services.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { startStopwatch } from "@gatehouse/testing/stopwatch.ts";
import type { FastifyInstance } from "fastify";
import { Connection } from "rabbitmq-client";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { operator } from "#operation/declaration/principal.ts";
import { backgroundOrigin } from "#operation/kernel/scheduled.ts";
import { type Application, assemble } from "./application.ts";
import { readConfiguration } from "./configuration.ts";
import { type Gateway, openGateway } from "./gateway.ts";
import { gatewayServer } from "./server.ts";

const roles = ["query", "command", "worker", "gateway", "all"] as const;
type Role = (typeof roles)[number];
const wired = ["primary", "replica", "redis", "nats", "rabbitmq"] as const;
type Service = (typeof wired)[number];
const probes = ["ready", "query", "command", "background"] as const;
/** The probes that a role has, in the order of a row's numbers. */
const probesOf: Readonly<Record<Role, readonly (typeof probes)[number][]>> = {
  query: ["ready", "query"],
  command: ["ready", "command"],
  worker: ["ready", "background"],
  gateway: ["ready"],
  all: ["ready", "query", "command", "background"],
};

interface Row {
  readonly failure: string;
  readonly cut?: readonly Service[];
  readonly hold?: readonly Service[];
  readonly answers: Readonly<Record<Role, readonly (200 | 503)[]>>;
  /** Whether a check, and a command, is answered through the process; its probes must agree. */
  readonly check: Readonly<Partial<Record<Role, 200 | 503>>>;
  readonly command: Readonly<Partial<Record<Role, 200 | 503>>>;
  /** The degraded components of answers that are UP. */
  readonly degraded?: Readonly<Partial<Record<Role, readonly string[]>>>;
}

/** Neither authentication nor authorization is possible. */
const undecidable: Row["answers"] = {
  query: [503, 503],
  command: [503, 503],
  worker: [503, 503],
  gateway: [200],
  all: [503, 503, 503, 503],
};

/** The expected answers of the probes for each failure. */
const rows: readonly Row[] = [
  {
    failure: "nothing is unavailable",
    answers: { query: [200, 200], command: [200, 200], worker: [200, 200], gateway: [200], all: [200, 200, 200, 200] },
    check: { query: 200, gateway: 200, all: 200 },
    command: { command: 200, gateway: 200, all: 200 },
  },
  {
    failure: "PostgreSQL is unavailable to every process",
    cut: ["primary", "replica"],
    answers: { query: [200, 200], command: [503, 503], worker: [503, 503], gateway: [200], all: [200, 200, 503, 503] },
    check: { query: 200, gateway: 200, all: 200 },
    command: { command: 503, gateway: 503, all: 503 },
    degraded: { query: ["postgresql", "postgresqlReplica", "messageBroker"], all: ["postgresql", "postgresqlReplica"] },
  },
  {
    failure: "PostgreSQL and Redis are unavailable",
    cut: ["primary", "replica", "redis"],
    answers: undecidable,
    check: { query: 503, gateway: 503, all: 503 },
    command: { command: 503, gateway: 503, all: 503 },
  },
  {
    failure: "PostgreSQL is silent",
    hold: ["primary", "replica"],
    answers: undecidable,
    check: { query: 503, gateway: 503, all: 503 },
    command: { command: 503, gateway: 503, all: 503 },
  },
  {
    failure: "the replica is unavailable",
    cut: ["replica"],
    answers: { query: [200, 200], command: [200, 200], worker: [200, 200], gateway: [200], all: [200, 200, 200, 200] },
    check: { query: 200, gateway: 200, all: 200 },
    command: { command: 200, gateway: 200, all: 200 },
    degraded: { query: ["postgresqlReplica"], command: ["postgresqlReplica"], worker: ["postgresqlReplica"], all: ["postgresqlReplica"] },
  },
  {
    failure: "the replica is silent",
    hold: ["replica"],
    answers: { query: [200, 200], command: [200, 200], worker: [200, 200], gateway: [200], all: [200, 200, 200, 200] },
    check: { query: 200, gateway: 200, all: 200 },
    command: { command: 200, gateway: 200, all: 200 },
    degraded: { query: ["postgresqlReplica"], all: ["postgresqlReplica"] },
  },
  {
    failure: "the primary is unavailable, and its replica is not",
    cut: ["primary"],
    answers: { query: [200, 200], command: [503, 503], worker: [503, 503], gateway: [200], all: [200, 200, 503, 503] },
    check: { query: 200, gateway: 200, all: 200 },
    command: { command: 503, gateway: 503, all: 503 },
    degraded: { all: ["postgresql"] },
  },
  {
    failure: "Redis is unavailable",
    cut: ["redis"],
    answers: { query: [200, 200], command: [200, 200], worker: [200, 200], gateway: [200], all: [200, 200, 200, 200] },
    check: { query: 200, gateway: 200, all: 200 },
    command: { command: 200, gateway: 200, all: 200 },
    degraded: { query: ["redis"], command: ["redis"], worker: ["redis"], all: ["redis"] },
  },
  {
    failure: "RabbitMQ is unavailable",
    cut: ["rabbitmq"],
    answers: { query: [200, 200], command: [200, 200], worker: [200, 200], gateway: [200], all: [200, 200, 200, 200] },
    check: { query: 200, gateway: 200, all: 200 },
    command: { command: 200, gateway: 200, all: 200 },
    degraded: { command: ["messageBroker"], worker: ["messageBroker"], all: ["messageBroker"] },
  },
  {
    failure: "Redis is silent",
    hold: ["redis"],
    answers: { query: [200, 200], command: [200, 200], worker: [200, 200], gateway: [200], all: [200, 200, 200, 200] },
    check: { query: 200, gateway: 200, all: 200 },
    command: { command: 200, gateway: 200, all: 200 },
    degraded: { query: ["redis"], command: ["redis"], worker: ["redis"], all: ["redis"] },
  },
  {
    failure: "RabbitMQ is silent",
    hold: ["rabbitmq"],
    answers: { query: [200, 200], command: [200, 200], worker: [200, 200], gateway: [200], all: [200, 200, 200, 200] },
    check: { query: 200, gateway: 200, all: 200 },
    command: { command: 200, gateway: 200, all: 200 },
    degraded: { command: ["messageBroker"], worker: ["messageBroker"], all: ["messageBroker"] },
  },
  {
    failure: "NATS is silent",
    hold: ["nats"],
    answers: { query: [503, 200], command: [503, 200], worker: [200, 200], gateway: [503], all: [200, 200, 200, 200] },
    check: { query: 200, gateway: 503, all: 200 },
    command: { command: 200, gateway: 503, all: 200 },
    degraded: { worker: ["nats"], all: ["nats"] },
  },
  {
    failure: "NATS is unavailable",
    cut: ["nats"],
    // The roles would answer, but no call arrives; their own probes report that.
    answers: { query: [503, 200], command: [503, 200], worker: [200, 200], gateway: [503], all: [200, 200, 200, 200] },
    check: { query: 200, gateway: 503, all: 200 },
    command: { command: 200, gateway: 503, all: 200 },
    degraded: { worker: ["nats"], all: ["nats"] },
  },
];

const settleMs = 30_000;
/** The name of each service in health and the metrics. */
const componentOf: Readonly<Record<Service, string>> = {
  primary: "postgresql",
  replica: "postgresqlReplica",
  redis: "redis",
  nats: "nats",
  rabbitmq: "messageBroker",
};
/** Prometheus' default scrape timeout is ten seconds. */
const scrapeMsMax = 5_000;
const there = (await listens("nats")) && (await listens("rabbitmq"));

describeOnPostgresql("the probes while a service is unavailable", () => {
  if (!there) return it.skip("NATS or RabbitMQ does not answer here", () => {});
  let database: TestDatabase;
  let redis: OwnRedis;
  const wires = {} as Record<Service, Wire>;
  const backends = {} as Record<Exclude<Role, "gateway">, Application>;
  let gateway: Gateway;
  const gateways = {} as Record<Role, FastifyInstance>;
  const person = { id: "", token: "" };

  beforeAll(async () => {
    database = await makeDatabase();
    redis = await startRedis();
    wires.primary = await wireTo(database.url);
    wires.replica = await wireTo(database.url);
    wires.redis = await wireTo(redis.url);
    wires.nats = await wireTo(services.nats);
    wires.rabbitmq = await wireTo(services.rabbitmq);
    const shared = {
      PUBLIC_URL: "http://127.0.0.1:8080",
      GATEHOUSE_MASTER_KEY: randomBytes(32).toString("base64"),
      GATEHOUSE_SIGN_IN_LIMIT: "off",
      NATS_URL: wires.nats.url,
      NATS_PREFIX: `test-${randomBytes(6).toString("hex")}`,
    };
    const withDatabase = {
      ...shared,
      DATABASE_URL: wires.primary.url,
      DATABASE_READ_URL: wires.replica.url,
      DATABASE_POOL: "4",
      REDIS_URL: wires.redis.url,
      EVENTS_URL: wires.rabbitmq.url,
    };
    for (const role of ["worker", "command", "query", "all"] as const) {
      const configuration = readConfiguration({ ...withDatabase, GATEHOUSE_ROLE: role });
      const backend = await assemble(configuration, { logger: silent });
      backends[role] = backend;
      if (role === "worker") await backend.startWorker();
      // The process with every role serves HTTP itself; the calls of the gateway are served by the others.
      else if (role !== "all") await backend.startAnswering();
      gateways[role] = gatewayServer(backend, configuration, { stage: "running" });
    }
    const ofGateway = readConfiguration({ ...shared, GATEHOUSE_ROLE: "gateway" });
    gateway = await openGateway(ofGateway, { logger: silent });
    gateways.gateway = gatewayServer(gateway, ofGateway, { stage: "running" });

    const credentials = { email: "ada@example.com", password: "a quiet green harbour" };
    const input = { ...credentials, firstName: "Ada", lastName: "Byron" };
    const made = await backends.command.dispatch({
      operation: "authentication.createUser",
      input,
      principal: operator,
      origin: backgroundOrigin(),
    });
    person.id = (made.output as { readonly id: string }).id;
    const signedIn = await gateways.all.inject({ method: "POST", url: "/api/v1/iam/auth/login", payload: credentials });
    person.token = signedIn.json().sessionToken;
    await backends.worker.settled();
  }, 240_000);
  afterAll(async () => {
    for (const http of Object.values(gateways)) await http.close();
    await gateway?.stop();
    for (const role of ["all", "query", "command", "worker"] as const) await backends[role]?.stop();
    for (const wire of Object.values(wires)) await wire.close();
    await redis?.close();
    await database?.drop();
    const connection = new Connection(services.rabbitmq);
    const channel = await connection.acquire();
    await channel.queueDelete({ queue: "iam.billing" });
    for (const exchange of ["iam.events", "bum.events"]) await channel.exchangeDelete({ exchange, ifUnused: true });
    await channel.close();
    await connection.close();
  }, 120_000);

  const authorized = () => ({ authorization: `Bearer ${person.token}` });
  const check = async (role: Role): Promise<number> => {
    const payload = { userId: person.id, actionType: "User.Read" };
    return (await gateways[role].inject({ method: "POST", url: "/api/v1/iam/authorization/check", headers: authorized(), payload }))
      .statusCode;
  };
  const command = async (role: Role): Promise<number> => {
    const payload = { firstName: "Ada", lastName: `B ${randomBytes(3).toString("hex")}` };
    return (await gateways[role].inject({ method: "PUT", url: "/api/v1/iam/users/me", headers: authorized(), payload })).statusCode;
  };
  const probed = async (): Promise<Readonly<Record<Role, readonly number[]>>> => {
    const answers = roles.map(async (role) => {
      const answers = await Promise.all(probesOf[role].map((probe) => gateways[role].inject(`/health/${probe}`)));
      return [role, answers.map(({ statusCode }) => statusCode)] as const;
    });
    return Object.fromEntries(await Promise.all(answers)) as unknown as Record<Role, readonly number[]>;
  };
  const answered = async (row: Row, which: "check" | "command", ask: (role: Role) => Promise<number>) => {
    const answers = (Object.keys(row[which]) as Role[]).map(async (role) => [role, await ask(role)] as const);
    return Object.fromEntries(await Promise.all(answers));
  };
  const settles = async (row: Row): Promise<void> => {
    await expect.poll(probed, { timeout: settleMs, interval: 100 }).toEqual(row.answers);
    await expect.poll(() => answered(row, "check", check), { timeout: settleMs, interval: 100 }).toEqual(row.check);
    await expect.poll(() => answered(row, "command", command), { timeout: settleMs, interval: 100 }).toEqual(row.command);
  };

  /** Health and the metrics report the service, whether it is unavailable or silent, and neither waits for its answer. */
  const isReported = async ({ cut = [], hold = [] }: Row): Promise<void> => {
    const stopwatch = startStopwatch();
    const { body } = await gateways.all.inject("/metrics");
    expect(stopwatch.idleMs()).toBeLessThan(scrapeMsMax);
    const health = (await gateways.all.inject("/health/ready")).json().components;
    for (const service of wired) {
      const up = !cut.includes(service) && !hold.includes(service);
      expect(body, service).toContain(`gatehouse_dependency_up{dependency="${componentOf[service]}"} ${up ? 1 : 0}`);
      expect(health[componentOf[service]].status, service).toBe(up ? "UP" : "DOWN");
    }
  };

  it.each(rows)("$failure", { timeout: 180_000 }, async (row) => {
    // Every process has cached the person and observed the last change before a service fails.
    await settles(rows[0] as Row);
    await backends.worker.settled();
    for (const backend of Object.values(backends)) await backend.platform.log.catchUp();
    // Reads what the last change affected, because changed entries are not decided without the database.
    await expect.poll(() => answered(rows[0] as Row, "check", check), { timeout: settleMs }).toEqual(rows[0]?.check);
    try {
      for (const service of row.hold ?? []) wires[service].hold();
      await Promise.all((row.cut ?? []).map((service) => wires[service].cut()));
      await settles(row);
      // The state is stable: the probes agree with the answers.
      expect(await probed()).toEqual(row.answers);
      for (const [role, names] of Object.entries(row.degraded ?? {})) {
        expect((await gateways[role as Role].inject("/health/ready")).json().degraded, role).toEqual(names);
      }
      for (const role of roles) expect((await gateways[role].inject("/health")).statusCode).toBe(200);
      await isReported(row);
    } finally {
      for (const service of row.hold ?? []) wires[service].release();
      await Promise.all((row.cut ?? []).map((service) => wires[service].mend()));
    }
  });

  it("a broker that answers and refuses is down with its own message, and makes no process unready", { timeout: 60_000 }, async () => {
    await settles(rows[0] as Row);
    // Tests of the adapters cover the refusals of each broker.
    const refusal = "publishing: PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'iam.events'";
    const spy = vi.spyOn(backends.worker.platform.broker, "refusal").mockReturnValue(refusal);
    try {
      const { statusCode, body } = await gateways.worker.inject("/health/background");
      const { degraded, components } = JSON.parse(body);
      expect({ statusCode, degraded }).toEqual({ statusCode: 200, degraded: ["messageBroker"] });
      expect(components.messageBroker).toMatchObject({ status: "DOWN", details: { kind: "rabbitmq", refusal } });
    } finally {
      spy.mockRestore();
    }
  });

  it("a gateway is ready while any role is served behind it, names the missing one, and starts before the others", async () => {
    await settles(rows[0] as Row);
    const ready = async () => {
      const { statusCode, body } = await gateways.gateway.inject("/health/ready");
      return { statusCode, degraded: JSON.parse(body).degraded };
    };
    await backends.command.stop();
    expect(await ready()).toEqual({ statusCode: 200, degraded: ["command"] });
    expect([await check("gateway"), await command("gateway")]).toEqual([200, 503]);
    await backends.query.stop();
    expect(await ready()).toEqual({ statusCode: 503, degraded: undefined });
    expect(await check("gateway")).toBe(503);
    expect((await gateways.gateway.inject("/health/startup")).statusCode).toBe(200);
  }, 60_000);
});
