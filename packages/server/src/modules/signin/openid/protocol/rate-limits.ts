import { OperationError, TooManyRequests } from "#operation/declaration/errors.ts";
import type { HttpAnswer } from "#operation/transport/http-message.ts";
import { takeByAddress } from "#platform/limits/by-address.ts";
import type { Limit } from "#platform/limits/limits.ts";
import { clientNetwork } from "#platform/network/address.ts";
import type { ProtocolDependencies } from "./dependencies.ts";
import { paths } from "./routes.ts";

/** Each start of an authorization stores rows for an unauthenticated caller. As many as sign-ins from an address. */
const starts: Limit = { points: 300, seconds: 300 };
/** A client fails a few times when its secret has been rotated. A caller that fails more often gets no more work done. */
const failures: Limit = { points: 60, seconds: 60 };
/** A user code has 34 bits and lives ten minutes: 20 attempts find one of a million with a chance of one in 860 (RFC 8628 §5.1). */
const userCodes: Limit = { points: 20, seconds: 600 };

/** Each registration stores a client for an unauthenticated caller. */
const registrations: Limit = { points: 20, seconds: 3_600 };

const starting: ReadonlySet<string> = new Set([paths.authorization, paths.pushed_authorization_request, paths.device_authorization]);
/** The endpoints at which clients authenticate. */
const authenticating: ReadonlySet<string> = new Set([
  paths.token,
  paths.introspection,
  paths.revocation,
  paths.pushed_authorization_request,
  paths.device_authorization,
]);

export interface Caller {
  readonly path: string;
  readonly ip: string | null;
}

/** Refuses a caller that has started too many authorizations, or failed too often to authenticate as a client. */
export async function refuseFrequent(dependencies: ProtocolDependencies, { path, ip }: Caller): Promise<void> {
  const { limits, settings } = dependencies.platform;
  if (settings.signInLimit === "off") return;
  if (authenticating.has(path)) refuseFor(await limits.peek("openid.failures", keyOf(ip), failures));
  if (path === paths.registration) refuseFor(await takeByAddress(limits, "openid.registrations", ip, registrations));
  if (starting.has(path)) refuseFor(await takeByAddress(limits, "openid.starts", ip, starts));
}

/** Counts a failed authentication of a client. */
export async function countFailure({ platform }: ProtocolDependencies, { path, ip }: Caller, { status }: HttpAnswer): Promise<void> {
  if (status === 401 && authenticating.has(path)) await platform.limits.take("openid.failures", keyOf(ip), failures);
}

/** Refuses a caller that has entered too many unknown user codes. */
export async function refuseGuessing({ platform: { limits, settings } }: ProtocolDependencies, ip: string | null): Promise<void> {
  if (settings.signInLimit !== "off") refuseFor(await limits.peek("openid.user-codes", keyOf(ip), userCodes));
}

/** Counts a user code that is not known. */
export async function countGuess({ platform }: ProtocolDependencies, ip: string | null): Promise<void> {
  await platform.limits.take("openid.user-codes", keyOf(ip), userCodes);
}

/** Callers with an unknown address share one limit. */
const keyOf = (ip: string | null): string => (ip === null ? "unknown" : clientNetwork(ip));

function refuseFor(waitSeconds: number): void {
  if (waitSeconds > 0) throw new OperationError(TooManyRequests, [], { retryAfterSeconds: waitSeconds });
}
