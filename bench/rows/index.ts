import { UsageError } from "../lib/options.ts";
import type { Row } from "../lib/row.ts";
import { checkBatch } from "./check-batch.ts";
import { checkHttp } from "./check-http.ts";
import { decideCasbin, decideCasl, decideCedar, decideCold, decideHandWritten, decideRelations } from "./decide.ts";
import { growth } from "./growth.ts";
import { memory } from "./memory.ts";
import { sessionBetterAuth, sessionBetterAuthCookie } from "./session-better-auth.ts";
import { sessionSelect } from "./session-select.ts";
import { signInArgon2 } from "./sign-in-argon2.ts";
import { signInBetterAuth } from "./sign-in-better-auth.ts";
import { startExisting, startFirst } from "./start.ts";

export const rows: Row[] = [
  decideHandWritten,
  decideCasl,
  decideCasbin,
  decideCedar,
  decideCold,
  decideRelations,
  growth,
  checkHttp,
  checkBatch,
  sessionBetterAuth,
  sessionBetterAuthCookie,
  sessionSelect,
  signInArgon2,
  signInBetterAuth,
  startExisting,
  startFirst,
  memory,
];

/** The rows of these names and of these families (`sign-in` is all that begins with `sign-in-`); all without a name. */
export function selectRows(names: string[]): Row[] {
  if (names.length === 0) return rows;
  const matches = (row: Row, name: string) => row.name === name || row.name.startsWith(`${name}-`);
  const unknown = names.filter((name) => !rows.some((row) => matches(row, name)));
  if (unknown.length > 0) {
    throw new UsageError(`No row ${unknown.join(", ")}. There are: ${rows.map((row) => row.name).join(", ")}`);
  }
  return rows.filter((row) => names.some((name) => matches(row, name)));
}
