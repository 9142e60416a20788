import type { FastifyInstance } from "fastify";
import type { Application } from "./application.ts";

type Status = "UP" | "DOWN";

interface Component {
  readonly status: Status;
  readonly details: Readonly<Record<string, string | number>>;
}

/** Where a process is in its life; readiness follows it. */
export interface Lifecycle {
  stage: "starting" | "running" | "stopping";
}

/** A dependency that has not answered by then is down: a probe has its own time limit. */
const probeTimeoutMs = 2_000;

/** The probes of S3 §17, in its format. `/health` asks no dependency: a process is not killed because a database is away. */
export function registerHealth(app: FastifyInstance, application: Application, lifecycle: Lifecycle): void {
  const { platform } = application;
  const embedded = platform.database.kind === "pglite";
  const dependencies = async () => ({
    postgresql: await probe(() => platform.database.ping(), { kind: embedded ? "embedded (PGlite)" : "PostgreSQL" }),
    redis: await probe(() => platform.cache.ping(), { kind: "in process" }),
    messageBroker: await probe(() => platform.bus.ping(), { kind: "in process" }),
  });
  const ready = async () => {
    const components = await dependencies();
    return answer({ ...components, module: stageOf(lifecycle) });
  };

  app.get("/health", async (_request, reply) => send(reply, answer({})));
  app.get("/health/ready", async (_request, reply) => send(reply, await ready()));
  app.get("/health/startup", async (_request, reply) => send(reply, await ready()));
  app.get("/health/query", async (_request, reply) => {
    const { postgresql } = await dependencies();
    const { log } = platform;
    const module = component(log.fresh, {
      logAgeMs: Math.round(log.ageMs),
      eventsNotInReadModel: application.reader.behind,
      sessionsInMemory: application.sessions.size,
    });
    return send(reply, answer({ postgresql, module }));
  });
  app.get("/health/command", async (_request, reply) => {
    const { postgresql } = await dependencies();
    return send(reply, answer({ postgresql, module: stageOf(lifecycle) }));
  });
  app.get("/health/background", async (_request, reply) => {
    const { postgresql, messageBroker } = await dependencies();
    const jobs = await probe(() => platform.jobs.ping(), {});
    return send(
      reply,
      answer({ postgresql, messageBroker, module: component(jobs.status === "UP", { eventsNotInReadModel: application.reader.behind }) }),
    );
  });
}

const component = (up: boolean, details: Component["details"]): Component => ({ status: up ? "UP" : "DOWN", details });
const stageOf = (lifecycle: Lifecycle): Component => component(lifecycle.stage === "running", { stage: lifecycle.stage });

async function probe(ask: () => Promise<void>, details: Component["details"]): Promise<Component> {
  const began = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("no answer in time")), probeTimeoutMs);
  });
  try {
    await Promise.race([ask(), late]);
    return component(true, { connection: "established", latency: `${Math.round(performance.now() - began)}ms`, ...details });
  } catch {
    return component(false, { connection: "failed", ...details });
  } finally {
    clearTimeout(timer);
  }
}

interface HealthAnswer {
  readonly status: Status;
  readonly components: Readonly<Record<string, Component>>;
}

function answer(components: Readonly<Record<string, Component>>): HealthAnswer {
  const down = Object.values(components).some(({ status }) => status === "DOWN");
  return { status: down ? "DOWN" : "UP", components };
}

const send = (reply: { code(status: number): { send(body: unknown): unknown } }, body: HealthAnswer) =>
  reply.code(body.status === "UP" ? 200 : 503).send(body);
