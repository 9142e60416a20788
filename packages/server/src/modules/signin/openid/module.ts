import { access } from "#modules/authorization/access/index.ts";
import { serviceaccounts } from "#modules/organization/serviceaccounts/index.ts";
import { tenancy } from "#modules/organization/tenancy/index.ts";
import { module } from "#operation/declaration/module.ts";
import type { Platform } from "#platform/platform.ts";
import { ClientCache } from "./client-cache.ts";
import { openidStore } from "./store.ts";

export interface OpenidState {
  readonly clients: ClientCache;
}

const stateOf = (platform: Platform): OpenidState => ({ clients: new ClientCache(platform) });

/** OAuth 2 and OpenID Connect: the clients, which are applications that get tokens. */
export const openid = module("openid", {
  store: openidStore,
  state: stateOf,
  uses: { access, serviceaccounts, tenancy },
});
