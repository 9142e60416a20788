import { Unavailable } from "../unavailable.ts";

export { Unavailable };

interface DriverError {
  readonly code?: string;
  /** The function of the server that raised the error; a pooler's own errors have none. */
  readonly routine?: string;
  readonly constraint?: string;
}

const codeOf = (error: unknown): string => (typeof error === "object" && error !== null ? String((error as DriverError).code ?? "") : "");

/** Node's socket error codes for a server that is unreachable or disconnects. */
const socketErrors = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EHOSTUNREACH", "ENOENT"]);
// 08 connection exceptions, 57P0x shutdown, 53 out of resources, 25006 read-only (PostgreSQL, appendix A).
const serverErrors = /^(08|53|57P0|25006)/;
/**
 * A message that the server cannot read is a bug, such as a statement with more parameters than the protocol allows: it
 * fails each time, and must not be retried like an outage. A pooler reports its outages with the same code (08P01).
 */
const isProtocolViolation = (error: unknown): boolean => codeOf(error) === "08P01" && typeof (error as DriverError).routine === "string";
// Drivers report these without a code; the last three mean that this process has closed the database, as when it stops.
const poolErrors =
  /timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout|connection has been discarded|pool after calling end|driver has already been destroyed|PGlite (instance )?is (already )?closed/;

/** A standby rejects read-write transactions (with 0A000, which alone is ambiguous). */
export const isStandbyRefusal = (error: unknown): boolean =>
  error instanceof Error && /cannot set transaction read-write mode during recovery/.test(error.message);

export function isUnavailable(error: unknown): boolean {
  if (error instanceof Unavailable || isStandbyRefusal(error)) return true;
  if (isProtocolViolation(error)) return false;
  const code = codeOf(error);
  return socketErrors.has(code) || serverErrors.test(code) || (error instanceof Error && poolErrors.test(error.message));
}

/** The server rejects the login (class 28) or the database (3D000): the address is wrong, and no retry helps. */
export const isRefusedLogin = (error: unknown): boolean => /^(28|3D000)/.test(codeOf(error));

/** The login lacks a right (42501). */
export const isForbidden = (error: unknown): boolean => codeOf(error) === "42501";

/** A conflict with another transaction (40001, 40P01); a retry may succeed. */
export const isTransient = (error: unknown): boolean => ["40001", "40P01"].includes(codeOf(error));

/** The server has canceled the statement, because it exceeded its time limit (57014). */
export const isCanceledStatement = (error: unknown): boolean => codeOf(error) === "57014";

/** The name of the violated unique constraint or index, or undefined. */
export const violatedUnique = (error: unknown): string | undefined =>
  codeOf(error) === "23505" ? ((error as DriverError).constraint ?? "") : undefined;

/** The name of the violated foreign key, or undefined. */
export const violatedReference = (error: unknown): string | undefined =>
  ["23503", "23001"].includes(codeOf(error)) ? ((error as DriverError).constraint ?? "") : undefined;

/** For reads: 25006 is a bug (a write in a read), and does not mean that the server is unavailable. */
export const isUnavailableToRead = (error: unknown): boolean => codeOf(error) !== "25006" && isUnavailable(error);

/** Runs `work`, and throws `Unavailable` for errors that `isFailure` accepts. */
export async function translated<T>(work: () => Promise<T>, isFailure: (error: unknown) => boolean = isUnavailable): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Unavailable) && isFailure(error)) throw new Unavailable("database", error);
    throw error;
  }
}
