import type { Kysely } from "kysely";
import type { AnyTables } from "../../../platform/database/database.ts";
import type { UserStatus } from "../../identity/index.ts";

/** What the projection needs of people: their status, by id. */
export type UserStatuses = (ids: readonly string[]) => Promise<ReadonlyMap<string, UserStatus>>;

export interface Found {
  readonly organizationId: string | null;
  readonly json: string;
}

/** The keys of one kind of entry, and what lies under them: a fixed number of queries, however many keys there are. */
export interface Kind {
  readonly pattern: RegExp;
  /** What was found, by key; `keys` are the matches of the pattern. */
  compute(db: Kysely<AnyTables>, keys: readonly RegExpExecArray[], statuses: UserStatuses): Promise<ReadonlyMap<string, Found>>;
}
