import { identified } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { AuthorizationModelInput } from "../authorization-model.ts";
import { access } from "../module.ts";

/** Returns the authorization model, the vocabulary of conditions and grants; version 0 if none was set. */
export const getModel = access.query("getModel", {
  http: "GET /api/v1/iam/authorization/model",
  summary: "The authorization model.",
  allow: identified(),
  versioned: true,
  input: Type.Object({}),
  output: Type.Object({ model: AuthorizationModelInput, version: Type.Integer() }),
  async run({ store }) {
    const { document, version } = await store.currentModel();
    return { model: document, version };
  },
});
