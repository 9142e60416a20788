/**
 * Settings of a database or a role (ALTER DATABASE … SET). Each would change an answer, break a statement or lose a race, if the
 * product's transactions did not set their own.
 */
export const foreignSettings: Readonly<Record<string, string>> = {
  default_transaction_isolation: "repeatable read",
  default_transaction_read_only: "on",
  default_transaction_deferrable: "on",
  synchronous_commit: "off",
  search_path: "elsewhere",
  timezone: "Asia/Kathmandu",
  datestyle: "SQL, DMY",
  intervalstyle: "sql_standard",
  extra_float_digits: "-15",
  bytea_output: "escape",
  array_nulls: "off",
  standard_conforming_strings: "off",
  transform_null_equals: "on",
  row_security: "off",
  // Half a second: no statement of a set-up takes as long, and tests of the limit exceed it.
  statement_timeout: "500",
  lock_timeout: "1",
  idle_in_transaction_session_timeout: "1",
};

export const settingsOf = (kind: "database" | "role", name: string, settings: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(settings).map(([setting, value]) => `alter ${kind} ${name} set ${setting} to '${value}'`);
