import { everyTenant, type ReadHandle } from "#platform/database/database.ts";
import { isTransient } from "#platform/database/driver-errors.ts";
import type { NewEvent } from "#platform/log/event.ts";
import { revisionOf, WriteConflictError } from "#platform/log/log.ts";
import type { Platform } from "#platform/platform.ts";
import { policies } from "#platform/resilience/policies.ts";
import { Unavailable } from "#platform/unavailable.ts";
import type { Emit, Enqueue } from "../declaration/context.ts";
import type { EventDefinition } from "../declaration/event.ts";
import type { AnyModule } from "../declaration/module.ts";
import type { ModuleTransaction, Transact } from "../declaration/transact.ts";
import type { ModuleInstances } from "./module-instances.ts";
import { newEvent } from "./new-events.ts";

const { times: retriesMax, firstPauseMs } = policies["postgresql.primary"].retries;

export function moduleTransactions(module: AnyModule, modules: ModuleInstances, platform: Platform): Transact {
  return async (work) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await attemptOnce(work);
      } catch (error) {
        if (!(error instanceof WriteConflictError) && !isTransient(error)) throw error;
        if (attempt > retriesMax) throw new Unavailable("write lock", error);
        await new Promise((resolve) => setTimeout(resolve, Math.random() * firstPauseMs * attempt));
      }
    }
  };

  async function attemptOnce<T>(work: (transaction: ModuleTransaction) => Promise<T>): Promise<T> {
    const { database, clock, publisher, tracer, jobs } = platform;
    const now = new Date(clock.now());
    const { result, events, revision } = await database.transact(everyTenant, async (tx) => {
      const emitted: NewEvent[] = [];
      const emit: Emit = (event, data) => void emitted.push(newEvent(event as unknown as EventDefinition, data as Record<string, unknown>));
      const enqueue: Enqueue = (job, payload) => jobs.enqueue(tx, job, payload);
      const uses = modules.apisFor(module, { db: tx as unknown as ReadHandle, now, write: { tx, emit, enqueue } });
      const result = await work({ tx, now, uses, emit, enqueue });
      if (emitted.length === 0) return { result, events: [], revision: undefined };
      const events = await publisher.append(tx, emitted, { occurredAt: now, traceparent: tracer.inject() ?? null });
      return { result, events, revision: await revisionOf(tx) };
    });
    if (revision !== undefined) publisher.committed({ events, revision, occurredAt: now });
    return result;
  }
}
