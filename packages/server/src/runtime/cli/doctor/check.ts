import type { Database } from "#platform/database/database.ts";
import type { Configuration } from "../../configuration.ts";

/** One line of the doctor's report. */
export interface Finding {
  readonly ok: boolean;
  /** Not an error, but possibly unintended. */
  readonly warning?: true;
  /** One sentence; a bad finding also names the remedy. */
  readonly what: string;
}

export const good = (what: string): Finding => ({ ok: true, what });
export const warning = (what: string): Finding => ({ ok: true, warning: true, what });
export const bad = (what: string): Finding => ({ ok: false, what });

/** Checks one requirement of a start. Changes nothing. Reports a failure as a finding instead of throwing. */
export type Check = (configuration: Configuration) => Promise<readonly Finding[]>;

/** A check of the PostgreSQL of DATABASE_URL. An error that it throws is reported as that database's. */
export type DatabaseCheck = (database: Database, configuration: Configuration) => Promise<readonly Finding[]>;
