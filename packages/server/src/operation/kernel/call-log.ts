import type { Platform } from "#platform/platform.ts";
import type { AuditResult } from "../declaration/audit-declaration.ts";
import { CredentialRequired, OperationError } from "../declaration/errors.ts";
import type { Operation } from "../declaration/operation.ts";
import { organizationOf } from "../declaration/principal.ts";
import type { AuditedCall } from "./audit.ts";
import { AuditBuffer } from "./audit-buffer.ts";
import type { Call, RefusedCall } from "./dispatch.ts";
import { type EndedCall, logFields, logLevelOf } from "./log-line.ts";
import type { CallProgress, Runnable } from "./runnable.ts";

/** Records the result of each call: a metric, a log line, and an audit entry where no command transaction wrote one. */
export class CallLog {
  readonly auditBuffer: AuditBuffer;
  readonly #platform: Platform;

  constructor(platform: Platform) {
    this.#platform = platform;
    this.auditBuffer = new AuditBuffer(platform);
  }

  succeeded(runnable: Runnable, call: Call, progress: CallProgress, output: unknown, began: number): void {
    if (runnable.operation.audit?.reading !== undefined)
      this.auditBuffer.add(this.audited(runnable.operation, call, progress), { result: "success", reason: null });
    this.#observe(runnable, { call, outcome: "ok", progress, output }, began);
  }

  failed(runnable: Runnable, call: Call, progress: CallProgress, error: unknown, began: number): void {
    if (error instanceof OperationError) this.#auditRefusal(runnable.operation, call, progress, error);
    const outcome = error instanceof OperationError ? error.definition.code : "internal_error";
    this.#observe(runnable, { call, outcome, progress }, began);
  }

  /**
   * Audits and counts a call that was refused because of its credential. The entry of an unknown caller has no organization. The input was
   * not validated, so it is omitted. `began` is a value of `performance.now()`.
   */
  refused(runnable: Runnable, { origin, principal, error }: Omit<RefusedCall, "operation">, began: number): void {
    const call = { operation: runnable.operation.name, input: {}, principal, origin };
    const progress: CallProgress = { details: {}, tenant: organizationOf(principal), stage: "before" };
    const { code } = error.definition;
    this.auditBuffer.add(this.audited(runnable.operation, call, progress), { result: "refused", reason: code });
    this.#observe(runnable, { call, outcome: code, progress }, began);
  }

  audited(operation: Operation, { principal, origin, input }: Call, { details, tenant }: CallProgress): AuditedCall {
    const now = new Date(this.#platform.clock.now());
    return { operation, principal, origin, input, now, details, organizationId: tenant ?? null };
  }

  /** Audits denied calls, and calls that violated a business rule; not invalid requests, nor requests for what does not exist. */
  #auditRefusal(operation: Operation, call: Call, progress: CallProgress, { definition: { code, status } }: OperationError): void {
    if (call.principal.kind === "system") return;
    const result = resultOf(status, progress.stage);
    if (result === undefined || code === CredentialRequired.code) return;
    // A failed query has disclosed nothing.
    if (result === "failed" && operation.kind === "query" && operation.audit?.reading === undefined) return;
    // A non-member's entry is not in the audit log of the requested organization, which may not exist.
    const { after: _, ...details } = progress.details;
    const audited = this.audited(operation, call, { ...progress, details, tenant: status === 404 ? null : progress.tenant });
    this.auditBuffer.add(audited, { result, reason: code });
  }

  #observe({ operation, metricLabel }: Runnable, ended: EndedCall, began: number): void {
    const { logger, metrics } = this.#platform;
    const { call, outcome } = ended;
    const milliseconds = performance.now() - began;
    metrics.operationSeconds.observe(metricLabel, outcome, milliseconds / 1_000);
    metrics.activity[operation.kind].record(outcome === "internal_error", milliseconds);
    if (operation.deprecated !== undefined) metrics.deprecatedCalls.inc({ operation: operation.name, principal: call.principal.kind });
    const level = logLevelOf(operation, call, outcome);
    if (logger.isLevelEnabled(level)) logger[level](logFields(operation, ended, milliseconds), `${operation.name}: ${outcome}`);
  }
}

/** The audit result of an error status; undefined where it is not audited. */
function resultOf(status: number, stage: CallProgress["stage"]): AuditResult | undefined {
  if (stage === "before") return undefined;
  if (stage === "authorizing" && status === 404) return "refused";
  if (status === 401 || status === 403 || status === 429) return "refused";
  return status === 409 ? "failed" : undefined;
}
