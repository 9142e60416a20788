import type { FastifyInstance } from "fastify";
import type { Gateway } from "./gateway.ts";
import { answer, type Lifecycle, type Readiness, send, stageOf } from "./health.ts";
import { probe } from "./probe.ts";
import { missedOf, servedBy } from "./served.ts";

/** A process that has the door alone is ready when somebody answers behind it: queries, commands, or both. */
export const gatewayReadiness =
  ({ platform }: Gateway, lifecycle: Lifecycle): Readiness =>
  async () => {
    if (lifecycle.stage === "stopping") return answer({ module: stageOf(lifecycle) });
    const [nats, served] = await Promise.all([
      probe(() => platform.rpc.ping(), { kind: "NATS" }),
      servedBy(platform.rpc, ["query", "command"]),
    ]);
    return answer({ nats, ...served, module: stageOf(lifecycle) }, missedOf(served));
  };

/** It has started when it can ask; those that answer may start after it. */
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
