import { type AccessReader, access, authorizerOf } from "../modules/access/index.ts";
import { type SessionMemory, sessions } from "../modules/sessions/index.ts";
import { system } from "../operation/caller.ts";
import { catalogue } from "../operation/catalogue.ts";
import type { Dispatch } from "../operation/dispatch.ts";
import { forgetOldKeys } from "../operation/idempotency.ts";
import { Kernel } from "../operation/kernel.ts";
import { backgroundOrigin } from "../operation/scheduled.ts";
import type { Subscription } from "../platform/bus/bus.ts";
import { everyTenant, type WriteHandle } from "../platform/database/database.ts";
import type { Job } from "../platform/jobs/jobs.ts";
import type { Platform } from "../platform/platform.ts";
import type { Configuration } from "./configuration.ts";
import { registerGauges } from "./gauges.ts";
import { contexts } from "./modules.ts";
import { type Overrides, openPorts, type Ports } from "./ports.ts";

const forgetOldKeysQueue = "operation.forget-old-keys";

/** The kernel's own housekeeping: answers to Idempotency-Keys that nobody retries any more. */
const forgetOldKeysWork = ({ clock, database }: Platform): Job<object> => ({
  name: forgetOldKeysQueue,
  schedule: "41 * * * *",
  handle: () => database.transact(everyTenant, (tx) => forgetOldKeys(tx, new Date(clock.now()))),
});

/** A process's parts, put together: ports, modules, and the worker that keeps projections and sends mails. */
export interface Application {
  readonly kernel: Kernel;
  readonly platform: Platform;
  readonly inbox: Ports["inbox"];
  readonly dispatch: Dispatch;
  readonly sessions: SessionMemory;
  readonly reader: AccessReader;
  /** Begins to consume events and to work on jobs: the worker's role. */
  startWorker(): Promise<void>;
  /** Resolves when every consumer has handled what is in the log. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

/** Opens the ports, migrates, and starts what answers requests. Without {@link Application.startWorker} nothing runs on its own. */
export async function assemble(configuration: Configuration, overrides: Overrides = {}): Promise<Application> {
  const known = catalogue(contexts);
  const queues = [forgetOldKeysQueue, ...contexts.flatMap((context) => context.queues ?? []).map((queue) => queue.name)];
  const ports = await openPorts(configuration, queues, overrides);
  const { platform } = ports;
  try {
    const kernel = new Kernel(known, platform);
    const reader = kernel.stateOf<AccessReader>(access);
    const memory = kernel.stateOf<SessionMemory>(sessions);
    kernel.authorizeWith(authorizerOf(reader));
    registerGauges(platform);
    await platform.log.start();
    await reader.start();
    memory.start((db) => {
      const { identity, tenancy } = kernel.faces(sessions, { db, now: new Date() }) as Record<string, object>;
      return { ...identity, ...tenancy } as never;
    });
    for (const { name } of contexts.flatMap((context) => context.atStart ?? [])) {
      await kernel.dispatch({ operation: name, input: {}, caller: system, origin: backgroundOrigin() });
    }
    const subscriptions: Subscription[] = [];
    return {
      kernel,
      platform,
      inbox: ports.inbox,
      dispatch: kernel.dispatch,
      sessions: memory,
      reader,
      async startWorker() {
        for (const { module, consumers } of contexts) {
          const faces = (tx: WriteHandle) => kernel.faces(module, { db: tx as never, now: new Date(platform.clock.now()) });
          for (const consumer of consumers?.(platform, faces) ?? []) subscriptions.push(await platform.bus.consume(consumer));
        }
        for (const job of contexts.flatMap((context) => context.jobs?.(platform, kernel.dispatch) ?? [])) await platform.jobs.work(job);
        await platform.jobs.work(forgetOldKeysWork(platform));
      },
      async settled() {
        for (const subscription of subscriptions) await subscription.idle();
        await platform.log.catchUp();
      },
      async stop() {
        await memory.stop();
        await reader.stop();
        await ports.close();
      },
    };
  } catch (error) {
    await ports.close();
    throw error;
  }
}
