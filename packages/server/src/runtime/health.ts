import type { FastifyInstance } from "fastify";
import type { Platform } from "#platform/platform.ts";
import type { PolicyName } from "#platform/resilience/policies.ts";
import { within } from "#platform/waiting.ts";
import type { Application } from "./application.ts";
import { clockOf } from "./clock-health.ts";
import type { Asked, Dependencies } from "./dependencies.ts";
import { type Component, component, probe, probeTimeoutMs, type Status } from "./probe.ts";
import { backgroundDetails, commandDetails, queryDetails } from "./role-details.ts";
import { answersOthers, asksOthers, type Role } from "./roles.ts";
import { missedOf, servedBy } from "./served.ts";
import { needsWrites, writesComponent } from "./writes-health.ts";

/** Where a process is in its life; readiness follows it. */
export interface Lifecycle {
  stage: "starting" | "running" | "stopping";
}

/** Whether a process takes requests now, with everything that this depends on. */
export type Readiness = () => Promise<HealthAnswer>;

/** A process that stops says so before it stops to answer, and asks nothing for it: its ports may be closed already. */
export const readinessOf = (application: Application, { lifecycle, dependencies, roles }: Observed): Readiness => {
  const elsewhere = asksOthers(roles) ? (["query", "command"] as const).filter((kind) => !roles.has(kind)) : [];
  return async () => {
    if (lifecycle.stage === "stopping") return answer({ module: stageOf(lifecycle) });
    const { platform } = application;
    const [asked, written, module, served, queues] = await Promise.all([
      dependencies.ask(),
      writtenBy(roles, platform),
      answersOthers(roles) ? moduleThatObserves(application, lifecycle) : stageOf(lifecycle),
      servedBy(platform.rpc, elsewhere),
      queuesOf(application),
    ]);
    const dispensable = [...dependencies.dispensable(), ...missedOf(served, answersOthers(roles)), ...Object.keys(queues)];
    return answer({ ...asked, ...written, ...clockOf(platform), ...served, ...queues, module }, dispensable);
  };
};

/** Without its database a process that answers queries goes on deciding for a while; `postgresql` is told to be down then. */
async function writtenBy(roles: ReadonlySet<Role>, platform: Platform): Promise<{ readonly writes?: Component }> {
  const decidesAlone = () => roles.has("query") && platform.log.withoutDatabase;
  if (!needsWrites(roles) || decidesAlone()) return {};
  const writes = await writesComponent(platform);
  return decidesAlone() ? {} : { writes };
}

/** What the probes tell of. */
export interface Observed {
  readonly lifecycle: Lifecycle;
  readonly dependencies: Dependencies;
  readonly roles: ReadonlySet<Role>;
}

/**
 * The probes. `/health` asks no dependency: a process is not killed because a database is away.
 * A role's probe is there only where the role runs, so that a wrong address is not taken for a healthy role.
 */
export function registerHealth(app: FastifyInstance, application: Application, { lifecycle, dependencies, roles }: Observed): void {
  const { platform } = application;
  const { ask, dispensableTo } = dependencies;
  const ready = readinessOf(application, { lifecycle, dependencies, roles });
  const replicaOf = ({ postgresqlReplica }: Asked) => (postgresqlReplica ? { postgresqlReplica } : {});

  app.get("/health", async (_request, reply) => send(reply, answer({})));
  app.get("/health/ready", async (_request, reply) => send(reply, await ready()));
  app.get("/health/startup", async (_request, reply) => send(reply, await ready()));
  if (roles.has("query")) {
    app.get("/health/query", async (_request, reply) => {
      const [asked, observed] = await Promise.all([ask(), platform.log.observed()]);
      const { postgresql, redis } = asked;
      const module = component(observed, await queryDetails(application));
      return send(reply, answer({ postgresql, ...replicaOf(asked), redis, ...clockOf(platform), module }, dispensableTo("query")));
    });
  }
  if (roles.has("command")) {
    app.get("/health/command", async (_request, reply) => {
      const [asked, writes, { status, details }] = await Promise.all([
        ask(),
        writesComponent(platform),
        moduleThatObserves(application, lifecycle),
      ]);
      const { postgresql, messageBroker } = asked;
      const module = { status, details: { ...details, ...commandDetails(application) } };
      return send(
        reply,
        answer({ postgresql, ...replicaOf(asked), writes, messageBroker, ...clockOf(platform), module }, dispensableTo("command")),
      );
    });
  }
  if (roles.has("worker")) {
    app.get("/health/background", async (_request, reply) => {
      const [asked, writes, jobs, queues] = await Promise.all([
        ask(),
        writesComponent(platform),
        probe(() => platform.jobs.ping(), {}),
        queuesOf(application),
      ]);
      const { postgresql, messageBroker } = asked;
      const others = { ...othersOf(application), ...queues };
      const module = component(jobs.status === "UP", backgroundDetails(application));
      const without = [...dispensableTo("worker"), ...Object.keys(others)];
      const components = { postgresql, ...replicaOf(asked), writes, messageBroker, ...clockOf(platform), ...others, module };
      return send(reply, answer(components, without));
    });
  }
}

export const stageOf = (lifecycle: Lifecycle): Component => component(lifecycle.stage === "running", { stage: lifecycle.stage });

/** Of a process that answers: it finds out who calls from a memory that follows the log, and waits for that as long as a call does. */
async function moduleThatObserves({ platform }: Application, lifecycle: Lifecycle): Promise<Component> {
  const { status, details } = stageOf(lifecycle);
  const observed = await platform.log.observed();
  return component(status === "UP" && observed, { ...details, logAgeMs: Math.round(platform.log.replicationLagMs) });
}

/**
 * The worker's queues: DOWN where one stands still. The process goes on without it, because another process would find the
 * same queue; absent where no worker runs here.
 */
async function queuesOf({ queues }: Application): Promise<Readonly<Record<string, Component>>> {
  if (queues === undefined) return {};
  try {
    return { queues: await within(probeTimeoutMs, "no answer in time", queues.component()) };
  } catch {
    // The database did not answer, which its own component tells.
    return {};
  }
}

/** What the worker calls besides, as its calls have found it: a probe would call a service that is to be left alone. */
function othersOf({ inbox, platform: { resilience, settings } }: Application): Readonly<Record<string, Component>> {
  const circuit = (name: PolicyName) => component(!resilience.isOpen(name), { circuit: resilience.isOpen(name) ? "open" : "closed" });
  return {
    ...(inbox === undefined ? { mail: circuit("smtp") } : {}),
    ...(settings.billing === undefined ? {} : { billing: circuit("billing.api") }),
  };
}

export interface HealthAnswer {
  readonly status: Status;
  /** Components that are down and that the process works without; absent where there is none. */
  readonly degraded?: readonly string[];
  readonly components: Readonly<Record<string, Component>>;
}

export function answer(components: Readonly<Record<string, Component>>, dispensable: readonly string[] = []): HealthAnswer {
  const down = Object.keys(components).filter((name) => components[name]?.status === "DOWN");
  const degraded = down.filter((name) => dispensable.includes(name));
  return { status: down.length > degraded.length ? "DOWN" : "UP", ...(degraded.length > 0 ? { degraded } : {}), components };
}

export const send = (reply: { code(status: number): { send(body: unknown): unknown } }, body: HealthAnswer) =>
  reply.code(body.status === "UP" ? 200 : 503).send(body);
