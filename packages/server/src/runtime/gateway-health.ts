import type { FastifyInstance } from "fastify";
import { availabilityOf, dispensableKinds } from "./availability.ts";
import type { Gateway } from "./gateway.ts";
import { answer, type Lifecycle, type Readiness, send, stageOf } from "./health.ts";
import { probe } from "./probe.ts";

/** A process with only the gateway role is ready when another process serves queries, commands, or both. */
export const gatewayReadiness =
  ({ platform }: Gateway, lifecycle: Lifecycle): Readiness =>
  async () => {
    if (lifecycle.stage === "stopping") return answer({ module: stageOf(lifecycle) });
    const [nats, served] = await Promise.all([
      probe(() => platform.rpc.ping(), { kind: "NATS" }),
      availabilityOf(platform.rpc, ["query", "command"]),
    ]);
    return answer({ nats, ...served, module: stageOf(lifecycle) }, dispensableKinds(served));
  };

/** A gateway has started when NATS answers; the processes that serve its calls may start later. */
const gatewayStart =
  ({ platform }: Gateway, lifecycle: Lifecycle): Readiness =>
  async () =>
    answer({ nats: await probe(() => platform.rpc.ping(), { kind: "NATS" }), module: stageOf(lifecycle) });

export function registerGatewayHealth(app: FastifyInstance, gateway: Gateway, lifecycle: Lifecycle): void {
  const [ready, started] = [gatewayReadiness(gateway, lifecycle), gatewayStart(gateway, lifecycle)];
  app.get("/health", async (_request, reply) => send(reply, answer({})));
  app.get("/health/ready", async (_request, reply) => send(reply, await ready()));
  app.get("/health/startup", async (_request, reply) => send(reply, await started()));
}
