import type { Tracer } from "#platform/telemetry/tracing.ts";
import { OperationError } from "../declaration/errors.ts";
import type { Operation } from "../declaration/operation.ts";
import { isIdentified } from "../declaration/principal.ts";
import type { Call, Dispatch } from "./dispatch.ts";

/**
 * The dispatch port with a span for each call. Returns `dispatch` itself where tracing is off. A call without a span of this process
 * continues the trace in its `traceparent`.
 */
export function tracedDispatch(dispatch: Dispatch, operations: ReadonlyMap<string, Operation>, tracer: Tracer): Dispatch {
  if (!tracer.on) return dispatch;
  return (call) => {
    const operation = operations.get(call.operation);
    if (operation === undefined) return dispatch(call);
    const options = { attributes: attributesOf(operation, call) };
    const continued = tracer.current === undefined ? { ...options, parent: call.traceparent } : options;
    return tracer.span(operation.name, continued, (span) => {
      const failed = (error: unknown): never => {
        span.fail(error instanceof OperationError ? error.definition.code : "internal_error");
        throw error;
      };
      try {
        const answer = dispatch(withTraceOf(call, span.traceId));
        return answer instanceof Promise ? answer.catch(failed) : answer;
      } catch (error) {
        return failed(error);
      }
    });
  };
}

/** Background work gets the trace of its span; a request already has its own. */
const withTraceOf = (call: Call, traceId: string): Call =>
  call.principal.kind === "system" ? { ...call, origin: { ...call.origin, traceId } } : call;

function attributesOf({ name, kind, module }: Operation, { principal }: Call): Record<string, string> {
  const shared = {
    "gatehouse.module": principal.kind === "system" ? "background" : kind,
    "gatehouse.context": module,
    "gatehouse.operation": name,
    "gatehouse.principal": principal.kind,
  };
  if (!isIdentified(principal)) return shared;
  const { kind: of, id, credential, organizationId } = principal;
  const organization = organizationId === null ? {} : { "gatehouse.organization.id": organizationId };
  const session = credential.kind === "session" ? { "session.id": credential.id } : { "gatehouse.credential.id": credential.id };
  return { ...shared, [of === "user" ? "user.id" : "gatehouse.service.id"]: id, ...session, ...organization };
}
