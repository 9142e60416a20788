/** Settings of each transaction on one kind of connection. */
export interface SessionRules {
  /** The schema of the product's tables; the whole search path. */
  readonly schema: string;
  /** `read only` if every transaction only reads: a standby rejects read-write transactions. */
  readonly access?: "read only" | "read write";
  /** Limits in milliseconds; 0 is none. */
  readonly statementTimeoutMs: number;
  readonly idleInTransactionMs: number;
}

/** Facts about the server, read before the first transaction on it. */
export interface ServerFacts {
  /** As `server_version_num`: 150004. */
  readonly version: number;
  readonly synchronousCommit: string;
}

export const serverFacts =
  "select current_setting('server_version_num')::int as version, current_setting('synchronous_commit') as \"synchronousCommit\"";

/**
 * Settings that change the meaning of statements or the format of values, and that a database, a role, a pooler or a connection string
 * may set (ALTER DATABASE … SET, ALTER ROLE … SET, `options`). The drivers parse times, intervals, floats and bytes in these formats.
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

/** The first release with `transaction_timeout`; older servers reject the name. */
const transactionTimeoutSince = 170_000;

const defaultIsolation = "read committed";

/**
 * Returns the statement that begins a transaction with all required settings, in one message to the server. READ COMMITTED: a statement
 * that has locked a row must see its newest version, on which the last-owner rule relies. SET LOCAL takes no snapshot, so the isolation may
 * still be changed by the first following statement.
 */
export function beginStatement(rules: SessionRules, facts: ServerFacts, requested = ""): string {
  const isolation = /isolation level (serializable|repeatable read|read committed)/i.exec(requested)?.[1] ?? defaultIsolation;
  const access = /read (only|write)/i.exec(requested)?.[0] ?? rules.access ?? "read write";
  const local = {
    ...fixedSettings,
    statement_timeout: String(rules.statementTimeoutMs),
    // The statement's time limit also covers waiting for locks.
    lock_timeout: "0",
    ...(facts.version >= transactionTimeoutSince ? { transaction_timeout: "0" } : {}),
    // An acknowledged write must survive a crash of the server. Stricter settings of the operator are left unchanged.
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
 * The only limit that remains set on the server's connection: an open transaction of any client that shares it holds the log's horizon back
 * for all readers, so behind a pooler the limit also applies to later clients of the connection. Work without a limit lifts it locally.
 */
const idleLimit = (ms: number): string => `set ${ms === 0 ? "local" : "session"} idle_in_transaction_session_timeout = '${ms}'`;

export const quotedName = (name: string): string => `"${name.replaceAll('"', '""')}"`;
