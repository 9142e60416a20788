import type { Bulkhead } from "#platform/resilience/bulkhead.ts";
import type { AnyModule } from "../declaration/module.ts";
import type { Operation } from "../declaration/operation.ts";
import type { AuditDetails } from "./audit.ts";
import type { InputCheck } from "./validate.ts";

/** An operation with the prepared dependencies of its calls. */
export interface Runnable {
  readonly operation: Operation;
  readonly module: AnyModule;
  /** Undefined for an in-memory query. */
  readonly bulkhead: Bulkhead | undefined;
  /** The label of its metric, built once instead of at each call. */
  readonly metricLabel: string;
  readonly check: InputCheck;
  readonly canonical: (input: Record<string, unknown>) => Record<string, unknown>;
}

/** The stage of a call, and its details for the audit log and the log line. */
export interface CallProgress {
  details: AuditDetails;
  /** The tenant of the call: null for the internal scope, undefined where it was not resolved or there is none. */
  tenant: string | null | undefined;
  stage: "before" | "authorizing" | "authorized";
}

export const addAuditDetails = (progress: CallProgress, details: AuditDetails): void => {
  progress.details = { ...progress.details, ...details };
};
