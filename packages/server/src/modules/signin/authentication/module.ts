import { identity } from "#modules/foundation/identity/index.ts";
import { notifications } from "#modules/foundation/notifications/index.ts";
import { tenancy } from "#modules/organization/tenancy/index.ts";
import { sessions } from "#modules/signin/sessions/index.ts";
import { tokens } from "#modules/signin/tokens/index.ts";
import { module } from "#operation/declaration/module.ts";
import { HashKinds } from "./hash-kinds.ts";
import { authenticationStore } from "./store.ts";

/** Registration, credentials, one-time links and sign-in. */
export const authentication = module("authentication", {
  store: authenticationStore,
  state: () => new HashKinds(),
  uses: { notifications, identity, tenancy, sessions, tokens },
});
