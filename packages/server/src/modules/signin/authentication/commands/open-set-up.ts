import { operatorOnly } from "#operation/declaration/authorization.ts";
import { nullable, Token, Type } from "#operation/declaration/schema.ts";
import { hashSecret, newSecret } from "#platform/secrets.ts";
import { authentication } from "../module.ts";

/** Creates a one-time set-up token while there is no administrator; null otherwise. */
export const openSetUp = authentication.command("openSetUp", {
  summary: "Create the one-time link for the first administrator.",
  allow: operatorOnly(),
  audit: { action: "SetUp.Opened", category: "System", severity: "Info" },
  everyTenant: "the internal scope is no tenant's",
  input: Type.Object({}),
  output: Type.Object({ token: nullable(Token) }),
  async run({ store, uses, now }) {
    if (await uses.tenancy.hasAdministrator()) {
      await store.closeSetUp();
      return { token: null };
    }
    const token = newSecret();
    await store.openSetUp(hashSecret(token), now);
    return { token };
  },
});
