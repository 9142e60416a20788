import type { Scope } from "#platform/database/database.ts";
import { isTransient, Unavailable } from "#platform/database/driver-errors.ts";
import { widen } from "#platform/database/scoped.ts";
import type { NewEvent } from "#platform/log/event.ts";
import { lockSubject, WriteConflictError } from "#platform/log/log.ts";
import { policies } from "#platform/resilience/policies.ts";
import { recordAudit } from "./audit.ts";
import type { CallLog } from "./call-log.ts";
import { type CommandEffects, commandContext, type KernelDependencies } from "./contexts.ts";
import type { Answer, Call } from "./dispatch.ts";
import { claimKey, claimOf, releaseKey, storeAnswer } from "./idempotency.ts";
import type { CallProgress, Runnable } from "./runnable.ts";

/** Retries of a command that lost against another transaction. */
const { times: retriesMax, firstPauseMs } = policies["postgresql.primary"].retries;

/** A call of a command that is validated, authorized and prepared. */
export interface PreparedCommand {
  readonly runnable: Runnable;
  readonly call: Call;
  readonly scope: Scope;
  readonly progress: CallProgress;
  readonly prepared: unknown;
}

/** What one transaction of a command does: all of it, or its next part. */
interface Part extends PreparedCommand {
  /** The answer of the part before. */
  readonly done: unknown;
}

interface PartAnswer extends Answer {
  readonly more?: boolean;
}

/** Commits state, events, audit entry and idempotent answer of commands, each in one transaction. */
export class CommandTransactions {
  readonly #dependencies: KernelDependencies;
  readonly #calls: CallLog;

  constructor(dependencies: KernelDependencies, calls: CallLog) {
    this.#dependencies = dependencies;
    this.#calls = calls;
  }

  async run(command: PreparedCommand): Promise<Answer> {
    let appended = false;
    for (let done: unknown; ; ) {
      const { more, ...answer } = await this.#untilCommitted({ ...command, done });
      appended ||= answer.appended === true;
      if (!more) return appended ? { ...answer, appended } : answer;
      done = answer.output;
    }
  }

  async #untilCommitted(part: Part): Promise<PartAnswer> {
    // After a write conflict on a subject the next attempt locks it: commands that only retry could conflict without end.
    let contended: string | undefined;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(part, contended);
      } catch (error) {
        if (error instanceof WriteConflictError) contended = error.subject;
        else if (!isTransient(error)) throw error;
        // Nothing was kept and a retry may well succeed: unavailable, not an internal error.
        if (attempt > retriesMax) throw new Unavailable("a turn at what others are changing", error);
        // A random pause, so that two commands that collided do not collide again.
        await new Promise((resolve) => setTimeout(resolve, Math.random() * firstPauseMs * attempt));
      }
    }
  }

  async #attempt({ runnable, call, scope, progress, prepared, done }: Part, contended?: string): Promise<PartAnswer> {
    const { operation } = runnable;
    const { database, keys, clock, publisher, tracer } = this.#dependencies.platform;
    const now = new Date(clock.now());
    const key = call.idempotencyKey === undefined ? undefined : { ...claimOf(call, keys), now };
    // Handlers of the events continue the command's own span, however long the transaction took.
    const traceparent = tracer.inject() ?? call.traceparent ?? null;
    const effects: CommandEffects = { events: [], hasMore: false };
    let appended: readonly NewEvent[] = [];
    const answer = await database.transact(scope, async (tx): Promise<PartAnswer & { readonly repeated?: true }> => {
      // The port may run this function again after a conflict; the first run's effects do not count.
      effects.events.length = 0;
      appended = [];
      effects.hasMore = false;
      if (contended !== undefined) await lockSubject(tx, contended);
      const context = commandContext(this.#dependencies, runnable, call, { tx, now, effects, progress }) as never;
      const stillValid = (output: unknown) => operation.stillValid?.(context, output as never) ?? true;
      const first = key && (await claimKey(tx, key, keys, stillValid));
      if (first) return { ...first, repeated: true };
      const output = await operation.run(context, call.input as never, prepared as never, done as never);
      await widen(tx);
      if (effects.events.length > 0) {
        const envelope = { occurredAt: now, traceparent };
        appended = await tracer.span("append events", appendSpan, () => publisher.append(tx, effects.events, envelope));
      }
      const more = effects.hasMore;
      const revision = await recordAudit(tx, { ...this.#calls.audited(operation, call, progress), now, output }, more);
      if (key) await (more ? releaseKey(tx, key) : storeAnswer(tx, key, { output, revision }, keys));
      return { output, revision, more };
    });
    const { repeated, ...given } = answer;
    if (repeated || appended.length === 0) return given;
    publisher.committed({ events: appended, revision: answer.revision as string, occurredAt: now });
    return { ...given, appended: true };
  }
}

/** The span of an append. */
const appendSpan = {
  kind: "producer",
  attributes: { "messaging.operation.type": "send", "messaging.destination.name": "events" },
} as const;
