import type { Kysely } from "kysely";
import type { AnyTables } from "#platform/database/database.ts";
import type { UserEntry } from "./keys.ts";

/** What the projection needs of people, by id. */
export type UserFactsById = (ids: readonly string[]) => Promise<ReadonlyMap<string, UserEntry>>;

export interface Found {
  readonly organizationId: string | null;
  readonly json: string;
}

/** The keys of one kind of entry, and what lies under them: a fixed number of queries, however many keys there are. */
export interface Kind {
  readonly pattern: RegExp;
  /** What was found, by key; `keys` are the matches of the pattern. */
  compute(db: Kysely<AnyTables>, keys: readonly RegExpExecArray[], users: UserFactsById): Promise<ReadonlyMap<string, Found>>;
}
