/** What one kind of connection needs from each of its transactions. */
export interface SessionRules {
  /** Where the product's tables are; the whole search path. */
  readonly schema: string;
  /** `read only` where every transaction reads: a standby refuses one that may write. */
  readonly access?: "read only" | "read write";
  /** Limits in milliseconds; 0 is none. */
  readonly statementTimeoutMs: number;
  readonly idleInTransactionMs: number;
}

/** What is known of the server before the first transaction on it. */
export interface ServerFacts {
  /** As `server_version_num`: 150004. */
  readonly version: number;
  readonly synchronousCommit: string;
}

export const serverFacts =
  "select current_setting('server_version_num')::int as version, current_setting('synchronous_commit') as \"synchronousCommit\"";

/**
 * Settings that change what our statements mean or how values are written, and that a database, a role, a pooler or an address
 * may bring along (ALTER DATABASE … SET, ALTER ROLE … SET, `options`). The drivers read times, intervals, floats and bytes in these forms.
 */
export const fixedSettings: Readonly<Record<string, string>> = {
  timezone: "UTC",
  datestyle: "ISO, YMD",
  intervalstyle: "postgres",
  extra_float_digits: "1",
  bytea_output: "hex",
  array_nulls: "on",
  standard_conforming_strings: "on",
  transform_null_equals: "off",
  // Off, a query that a policy would filter fails instead.
  row_security: "on",
};

/** The setting of PostgreSQL 17 that ends a transaction as a whole; older servers refuse its name. */
const transactionTimeoutSince = 170_000;

const defaultIsolation = "read committed";

/**
 * Opens a transaction with everything that our statements rely on, in one message to the server. READ COMMITTED: what locks a row
 * must then see the newest version of it, which is how the last owner remains. SET LOCAL takes no snapshot, so the isolation may
 * still be changed by the first statement that follows.
 */
export function beginStatement(rules: SessionRules, facts: ServerFacts, asked = ""): string {
  const isolation = /isolation level (serializable|repeatable read|read committed)/i.exec(asked)?.[1] ?? defaultIsolation;
  const access = /read (only|write)/i.exec(asked)?.[0] ?? rules.access ?? "read write";
  const local = {
    ...fixedSettings,
    statement_timeout: String(rules.statementTimeoutMs),
    // A lock is waited for as long as its statement may take.
    lock_timeout: "0",
    ...(facts.version >= transactionTimeoutSince ? { transaction_timeout: "0" } : {}),
    // An acknowledged write outlives a crash of the server. Stricter settings stay as the operator has them.
    ...(facts.synchronousCommit === "off" ? { synchronous_commit: "on" } : {}),
  };
  return [
    `start transaction isolation level ${isolation} ${access}`,
    `set local search_path = ${quotedName(rules.schema)}`,
    ...Object.entries(local).map(([name, value]) => `set local ${name} = '${value}'`),
    idleLimit(rules.idleInTransactionMs),
  ].join("; ");
}

/**
 * The one limit that stays on the server's connection: an open transaction of anything that shares it holds the log's horizon back for
 * everybody, so behind a pooler it also holds for those who reach the connection after us. Work without a limit lifts it for itself.
 */
const idleLimit = (ms: number): string => `set ${ms === 0 ? "local" : "session"} idle_in_transaction_session_timeout = '${ms}'`;

export const quotedName = (name: string): string => `"${name.replaceAll('"', '""')}"`;
