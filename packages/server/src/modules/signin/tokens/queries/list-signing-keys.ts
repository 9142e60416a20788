import { internal } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { SigningKey } from "../model.ts";
import { tokens } from "../module.ts";
import { representKey } from "../represent.ts";

/** The signing keys with their stages, the newest first. At most a few exist. */
export const listSigningKeys = tokens.query("listSigningKeys", {
  http: "GET /api/v1/token/keys",
  summary: "List the signing keys of access tokens.",
  allow: internal("Token.ManageKeys"),
  everyTenant: "signing keys belong to the installation",
  input: Type.Object({}),
  output: Type.Object({ items: Type.Array(SigningKey) }),
  run: async ({ store, now }) => ({ items: (await store.publishedKeys(now)).map(representKey) }),
});
