import { Unavailable } from "../unavailable.ts";

export { Unavailable };

interface DriverError {
  readonly code?: string;
  /** The function of the server that raised the error; a pooler's own errors have none. */
  readonly routine?: string;
  readonly constraint?: string;
}

const codeOf = (error: unknown): string => (typeof error === "object" && error !== null ? String((error as DriverError).code ?? "") : "");

/** Names of the socket's errors that node gives when a server is not there, or goes away in the middle. */
const socketFaults = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EHOSTUNREACH", "ENOENT"]);
// 08 connection exceptions, 57P0x shutdown, 53 out of resources, 25006 read-only (PostgreSQL, appendix A).
const serverFault = /^(08|53|57P0|25006)/;
/**
 * A message that the server cannot read is a mistake of this program, as a statement with more parameters than the protocol counts: it
 * fails each time, and to call it an outage would have callers try for ever. A pooler gives its outages the same code (08P01).
 */
const isProtocolViolation = (error: unknown): boolean => codeOf(error) === "08P01" && typeof (error as DriverError).routine === "string";
// Drivers report these without a code; the last three are a database that this process has closed, as at its own stop.
const poolFault =
  /timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout|connection has been discarded|pool after calling end|driver has already been destroyed|PGlite (instance )?is (already )?closed/;

/** A standby takes no transaction that may write (0A000, which says nothing by itself). */
export const isStandbyRefusal = (error: unknown): boolean =>
  error instanceof Error && /cannot set transaction read-write mode during recovery/.test(error.message);

export function isUnavailable(error: unknown): boolean {
  if (error instanceof Unavailable || isStandbyRefusal(error)) return true;
  if (isProtocolViolation(error)) return false;
  const code = codeOf(error);
  return socketFaults.has(code) || serverFault.test(code) || (error instanceof Error && poolFault.test(error.message));
}

/** The server answers and takes neither this login (class 28) nor this database (3D000): the address is wrong, and stays so. */
export const isRefusedLogin = (error: unknown): boolean => /^(28|3D000)/.test(codeOf(error));

/** The login lacks a right (42501). */
export const isForbidden = (error: unknown): boolean => codeOf(error) === "42501";

/** Another transaction was in the way; the same work may pass if it is begun anew (40001, 40P01). */
export const isTransient = (error: unknown): boolean => ["40001", "40P01"].includes(codeOf(error));

/** The server has ended the statement: it took longer than its time limit (57014). */
export const isCanceledStatement = (error: unknown): boolean => codeOf(error) === "57014";

/** The name of the unique constraint or index that a write ran into, or undefined. */
export const violatedUnique = (error: unknown): string | undefined =>
  codeOf(error) === "23505" ? ((error as DriverError).constraint ?? "") : undefined;

/** The name of the foreign key that a write or a delete ran into, or undefined. */
export const violatedReference = (error: unknown): string | undefined =>
  ["23503", "23001"].includes(codeOf(error)) ? ((error as DriverError).constraint ?? "") : undefined;

/** Of a read: a write in it is a mistake of this program, and says nothing of the server (25006). */
export const isUnavailableToRead = (error: unknown): boolean => codeOf(error) !== "25006" && isUnavailable(error);

export async function translated<T>(work: () => Promise<T>, isFault: (error: unknown) => boolean = isUnavailable): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Unavailable) && isFault(error)) throw new Unavailable("database", error);
    throw error;
  }
}
