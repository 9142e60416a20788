import type { User } from "../../identity/index.ts";
import type { UserStatuses } from "./kind.ts";

/** The statuses of people, from what the identity module tells of them. */
export const statusesOf =
  (identity: { usersById(ids: readonly string[]): Promise<ReadonlyMap<string, User>> }): UserStatuses =>
  async (ids) =>
    new Map([...(await identity.usersById(ids))].map(([id, user]) => [id, user.status]));
