import type { Scope } from "#platform/database/database.ts";
import { isTransient, Unavailable } from "#platform/database/driver-errors.ts";
import { widen } from "#platform/database/scoped.ts";
import type { NewEvent } from "#platform/log/event.ts";
import { lockSubject, revisionOf, WriteConflictError } from "#platform/log/log.ts";
import { policies } from "#platform/resilience/policies.ts";
import type { OperationError } from "../declaration/errors.ts";
import { isIdentified, type Principal } from "../declaration/principal.ts";
import { recordAudit } from "./audit.ts";
import type { CallLog } from "./call-log.ts";
import { outcomeOf } from "./committed-failure.ts";
import { type CommandEffects, commandContext, type KernelDependencies } from "./contexts.ts";
import type { Answer, Call } from "./dispatch.ts";
import { claimKey, claimOf, releaseKey, storeAnswer } from "./idempotency.ts";
import type { CallProgress, Runnable } from "./runnable.ts";

/** The retries of a command after a conflict with another transaction. */
const { times: retriesMax, firstPauseMs } = policies["postgresql.primary"].retries;

/** A validated, authorized and prepared call of a command. */
export interface PreparedCommand {
  readonly runnable: Runnable;
  readonly call: Call;
  readonly scope: Scope;
  readonly progress: CallProgress;
  readonly prepared: unknown;
}

/** The work of one transaction: the whole command, or its next batch. */
interface Batch extends PreparedCommand {
  /** The answer of the previous batch. */
  readonly done: unknown;
}

interface BatchAnswer extends Answer {
  readonly more?: boolean;
  /** The error that the command ends with, although its transaction is committed. */
  readonly failure?: OperationError;
}

/** Commits the state, events, audit entry and idempotent answer of each command in one transaction. */
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

  async #untilCommitted(batch: Batch): Promise<BatchAnswer> {
    // After a write conflict on a subject, the next attempt locks it: commands that only retry could conflict forever.
    let contended: string | undefined;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(batch, contended);
      } catch (error) {
        if (error instanceof WriteConflictError) contended = error.subject;
        else if (!isTransient(error)) throw error;
        // Everything was rolled back and a later attempt may succeed: unavailable, not an internal error.
        if (attempt > retriesMax) throw new Unavailable("write lock", error);
        // A random pause, so that two conflicting commands do not conflict again.
        await new Promise((resolve) => setTimeout(resolve, Math.random() * firstPauseMs * attempt));
      }
    }
  }

  async #attempt({ runnable, call, scope, progress, prepared, done }: Batch, contended?: string): Promise<BatchAnswer> {
    const { operation } = runnable;
    const { database, keys, clock, publisher, tracer } = this.#dependencies.platform;
    const now = new Date(clock.now());
    const key = call.idempotencyKey === undefined ? undefined : { ...claimOf(call, keys), now };
    // Event consumers continue the span of the command.
    const traceparent = tracer.inject() ?? call.traceparent ?? null;
    const effects: CommandEffects = { events: [], hasMore: false };
    let appended: readonly NewEvent[] = [];
    const answer = await database.transact(scope, async (tx): Promise<BatchAnswer & { readonly repeated?: true }> => {
      // The port may run this function again after a conflict; the effects of the earlier run are discarded.
      effects.events.length = 0;
      appended = [];
      effects.hasMore = false;
      if (contended !== undefined) await lockSubject(tx, contended);
      const context = commandContext(this.#dependencies, runnable, call, { tx, now, effects, progress }) as never;
      const stillValid = (output: unknown) => operation.stillValid?.(context, output as never) ?? true;
      const first = key && (await claimKey(tx, key, keys, stillValid));
      if (first) return { ...first, repeated: true };
      const outcome = await outcomeOf(() => operation.run(context, call.input as never, prepared as never, done as never));
      await widen(tx);
      if (effects.events.length > 0) {
        const envelope = { occurredAt: now, traceparent, actor: actorOf(call.principal) };
        appended = await tracer.span("append events", appendSpan, () => publisher.append(tx, effects.events, envelope));
      }
      if ("failure" in outcome) {
        // The call log audits the failure, as every other one.
        if (key) await releaseKey(tx, key);
        return { output: undefined, failure: outcome.failure, revision: await revisionOf(tx) };
      }
      const { output } = outcome;
      const more = effects.hasMore;
      const revision = await recordAudit(tx, { ...this.#calls.audited(operation, call, progress), now, output }, more);
      if (key) await (more ? releaseKey(tx, key) : storeAnswer(tx, key, { output, revision }, keys));
      return { output, revision, more };
    });
    const { repeated, failure, ...given } = answer;
    const hasAppended = !repeated && appended.length > 0;
    if (hasAppended) publisher.committed({ events: appended, revision: answer.revision as string, occurredAt: now });
    if (failure !== undefined) throw failure;
    return hasAppended ? { ...given, appended: true } : given;
  }
}

function actorOf(principal: Principal): string | null {
  const actor = isIdentified(principal) ? principal.actor : undefined;
  return actor === undefined ? null : `${actor.kind}:${actor.id}`;
}

const appendSpan = {
  kind: "producer",
  attributes: { "messaging.operation.type": "send", "messaging.destination.name": "events" },
} as const;
