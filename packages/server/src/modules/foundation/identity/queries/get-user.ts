import { internal } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { UserNotFound } from "../errors.ts";
import { User } from "../model.ts";
import { identity } from "../module.ts";
import { toUser } from "../store.ts";

/** Returns one user. For internal administrators. */
export const getUser = identity.query("getUser", {
  http: "GET /api/v1/users/:userId",
  summary: "One user.",
  allow: internal("User.Read"),
  audit: { action: "User.Read", category: "DataAccess", severity: "Info", entity: "User", reading: "personal data of a user" },
  versioned: true,
  input: Type.Object({ userId: Uuid }),
  output: User,
  errors: [UserNotFound],
  run: async ({ store, fail }, { userId }) => toUser((await store.byId(userId)) ?? fail(UserNotFound)),
});
