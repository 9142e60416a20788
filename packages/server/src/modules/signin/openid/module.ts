import { access } from "#modules/authorization/access/index.ts";
import { serviceaccounts } from "#modules/organization/serviceaccounts/index.ts";
import { tenancy } from "#modules/organization/tenancy/index.ts";
import { module } from "#operation/declaration/module.ts";
import { openidStore } from "./store.ts";

/** OAuth 2 and OpenID Connect: the clients, which are applications that get tokens. */
export const openid = module("openid", {
  store: openidStore,
  uses: { access, serviceaccounts, tenancy },
});
