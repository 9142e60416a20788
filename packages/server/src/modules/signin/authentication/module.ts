import { identity } from "#modules/foundation/identity/index.ts";
import { tenancy } from "#modules/organization/tenancy/index.ts";
import { sessions } from "#modules/signin/sessions/index.ts";
import { module } from "#operation/module.ts";
import { HashKinds } from "./hash-kinds.ts";
import { authenticationStore } from "./store.ts";

/** How a person proves who he is (S3 §8.1, §18.4). */
export const authentication = module("authentication", {
  store: authenticationStore,
  state: () => new HashKinds(),
  uses: { identity, sessions, tenancy },
});
