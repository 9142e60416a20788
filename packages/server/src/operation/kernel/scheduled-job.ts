import type { Job } from "#platform/jobs/jobs.ts";
import type { TypedOperation } from "../declaration/operation.ts";
import type { TBoolean, TObject, TSchema } from "../declaration/schema.ts";
import type { InternalDispatch } from "./internal-dispatch.ts";

type NoInput = TObject<Record<never, TSchema>>;

interface ScheduledWork {
  readonly name: string;
  readonly operation: TypedOperation<NoInput, TObject<{ more: TBoolean }>>;
  /** Five-field cron, UTC. */
  readonly schedule: string;
}

/** A scheduled job that calls an operation until its answer has `more: false`. Each call is a transaction of its own. */
export const scheduledJob = (dispatch: InternalDispatch, { name, schedule, operation }: ScheduledWork): Job<object> => ({
  name,
  schedule,
  async handle() {
    for (let more = true; more; ) ({ more } = (await dispatch(operation, {})).output);
  },
});
