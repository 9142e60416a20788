import type { identity, User } from "#modules/foundation/identity/index.ts";
import type { ReadApisOf } from "#operation/declaration/module.ts";
import type { UserFactsById } from "./compute-kinds.ts";
import type { UserEntry } from "./values.ts";

/** Reads the status and profile of users from the identity module. */
export const userFactsOf =
  ({ usersById }: Pick<ReadApisOf<{ identity: typeof identity }>["identity"], "usersById">): UserFactsById =>
  async (ids) =>
    new Map([...(await usersById(ids))].map(([id, user]) => [id, factsOf(user)]));

const factsOf = ({ status, email, firstName, lastName, locale }: User): UserEntry => ({
  status,
  profile: { email, name: `${firstName} ${lastName}`, firstName, lastName, locale },
});
