import type { FastifyInstance } from "fastify";
import type { Platform } from "#platform/platform.ts";
import type { PolicyName } from "#platform/resilience/policies.ts";
import { within } from "#platform/waiting.ts";
import type { Application } from "./application.ts";
import { availabilityOf, dispensableKinds } from "./availability.ts";
import { clockOf } from "./clock-health.ts";
import type { Dependencies, DependencyStatuses } from "./dependencies.ts";
import { type Component, component, probe, probeTimeoutMs, type Status } from "./probe.ts";
import { backgroundDetails, commandDetails, queryDetails } from "./role-details.ts";
import { callsOtherProcesses, type Role, servesOtherProcesses } from "./roles.ts";
import { needsWrites, writesComponent } from "./writes-health.ts";

/** The stage of a process; readiness follows it. */
export interface Lifecycle {
  stage: "starting" | "running" | "stopping";
}

/** Whether a process accepts requests now, with the state of each dependency. */
export type Readiness = () => Promise<HealthAnswer>;

/** A stopping process reports itself unready before it stops to serve, and probes nothing: its ports may be closed already. */
export const readinessOf = (application: Application, { lifecycle, dependencies, roles }: Observed): Readiness => {
  const elsewhere = callsOtherProcesses(roles) ? (["query", "command"] as const).filter((kind) => !roles.has(kind)) : [];
  return async () => {
    if (lifecycle.stage === "stopping") return answer({ module: stageOf(lifecycle) });
    const { platform } = application;
    const [probed, writes, module, served, queues] = await Promise.all([
      dependencies.probeAll(),
      writesOf(roles, platform),
      servesOtherProcesses(roles) ? moduleThatObserves(application, lifecycle) : stageOf(lifecycle),
      availabilityOf(platform.rpc, elsewhere),
      queuesOf(application),
    ]);
    const dispensable = [...dependencies.dispensable(), ...dispensableKinds(served, servesOtherProcesses(roles)), ...Object.keys(queues)];
    return answer({ ...probed, ...writes, ...clockOf(platform), ...served, ...queues, module }, dispensable);
  };
};

/** A process that answers queries decides without its database for a limited time; `postgresql` is reported as down then. */
async function writesOf(roles: ReadonlySet<Role>, platform: Platform): Promise<{ readonly writes?: Component }> {
  const decidesWithoutDatabase = () => roles.has("query") && platform.log.withoutDatabase;
  if (!needsWrites(roles) || decidesWithoutDatabase()) return {};
  const writes = await writesComponent(platform);
  return decidesWithoutDatabase() ? {} : { writes };
}

/** The state that the probes report. */
export interface Observed {
  readonly lifecycle: Lifecycle;
  readonly dependencies: Dependencies;
  readonly roles: ReadonlySet<Role>;
}

/**
 * Registers the probes. `/health` probes no dependency: a process is not killed because a database is unavailable.
 * A role's probe exists only where the role runs, so that a wrong address does not look like a healthy role.
 */
export function registerHealth(app: FastifyInstance, application: Application, { lifecycle, dependencies, roles }: Observed): void {
  const { platform } = application;
  const { probeAll, dispensableTo } = dependencies;
  const ready = readinessOf(application, { lifecycle, dependencies, roles });
  const replicaOf = ({ postgresqlReplica }: DependencyStatuses) => (postgresqlReplica ? { postgresqlReplica } : {});

  app.get("/health", async (_request, reply) => send(reply, answer({})));
  app.get("/health/ready", async (_request, reply) => send(reply, await ready()));
  app.get("/health/startup", async (_request, reply) => send(reply, await ready()));
  if (roles.has("query")) {
    app.get("/health/query", async (_request, reply) => {
      const [probed, observed] = await Promise.all([probeAll(), platform.log.observed()]);
      const { postgresql, redis } = probed;
      const module = component(observed, await queryDetails(application));
      return send(reply, answer({ postgresql, ...replicaOf(probed), redis, ...clockOf(platform), module }, dispensableTo("query")));
    });
  }
  if (roles.has("command")) {
    app.get("/health/command", async (_request, reply) => {
      const [probed, writes, { status, details }] = await Promise.all([
        probeAll(),
        writesComponent(platform),
        moduleThatObserves(application, lifecycle),
      ]);
      const { postgresql, messageBroker } = probed;
      const module = { status, details: { ...details, ...commandDetails(application) } };
      return send(
        reply,
        answer({ postgresql, ...replicaOf(probed), writes, messageBroker, ...clockOf(platform), module }, dispensableTo("command")),
      );
    });
  }
  if (roles.has("worker")) {
    app.get("/health/background", async (_request, reply) => {
      const [probed, writes, jobs, queues] = await Promise.all([
        probeAll(),
        writesComponent(platform),
        probe(() => platform.jobs.ping(), {}),
        queuesOf(application),
      ]);
      const { postgresql, messageBroker } = probed;
      const others = { ...externalServicesOf(application), ...queues };
      const module = component(jobs.status === "UP", backgroundDetails(application));
      const without = [...dispensableTo("worker"), ...Object.keys(others)];
      const components = { postgresql, ...replicaOf(probed), writes, messageBroker, ...clockOf(platform), ...others, module };
      return send(reply, answer(components, without));
    });
  }
}

export const stageOf = (lifecycle: Lifecycle): Component => component(lifecycle.stage === "running", { stage: lifecycle.stage });

/** A serving process authenticates from a cache that follows the log. The probe waits for the log as long as a call does. */
async function moduleThatObserves({ platform }: Application, lifecycle: Lifecycle): Promise<Component> {
  const { status, details } = stageOf(lifecycle);
  const observed = await platform.log.observed();
  return component(status === "UP" && observed, { ...details, logAgeMs: Math.round(platform.log.replicationLagMs) });
}

/**
 * The worker's queues: DOWN where one is stalled. That does not make the process unready, because another process would have the
 * same queue; absent where no worker runs here.
 */
async function queuesOf({ queues }: Application): Promise<Readonly<Record<string, Component>>> {
  if (queues === undefined) return {};
  try {
    return { queues: await within(probeTimeoutMs, "no answer in time", queues.component()) };
  } catch {
    // The database did not answer; its own component reports that.
    return {};
  }
}

/** The external services of the worker, by their circuit breakers: a probe would call a service that the circuit protects. */
function externalServicesOf({ inbox, platform: { resilience, settings } }: Application): Readonly<Record<string, Component>> {
  const circuit = (name: PolicyName) => component(!resilience.isOpen(name), { circuit: resilience.isOpen(name) ? "open" : "closed" });
  return {
    ...(inbox === undefined ? { mail: circuit("smtp") } : {}),
    ...(settings.billing === undefined ? {} : { billing: circuit("billing.api") }),
  };
}

export interface HealthAnswer {
  readonly status: Status;
  /** Components that are down and that the process can run without; absent where there is none. */
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
