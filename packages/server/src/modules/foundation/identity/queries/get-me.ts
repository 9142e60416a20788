import { signedIn } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { UserNotFound } from "../errors.ts";
import { User } from "../model.ts";
import { identity } from "../module.ts";
import { toUser } from "../store.ts";

/** The caller's own profile. */
export const getMe = identity.query("getMe", {
  http: "GET /api/v1/iam/users/me",
  summary: "The own profile.",
  allow: signedIn(),
  versioned: true,
  input: Type.Object({}),
  output: User,
  errors: [UserNotFound],
  run: async ({ store, user, fail }) => toUser((await store.byId(user.id)) ?? fail(UserNotFound)),
});
