import { access } from "#modules/authorization/access/index.ts";
import { identity } from "#modules/foundation/identity/index.ts";
import { serviceaccounts } from "#modules/organization/serviceaccounts/index.ts";
import { tenancy } from "#modules/organization/tenancy/index.ts";
import { sessions } from "#modules/signin/sessions/index.ts";
import { tokens } from "#modules/signin/tokens/index.ts";
import { module } from "#operation/declaration/module.ts";
import { type GuardedFetch, guardedFetch } from "#platform/network/guarded-fetch.ts";
import type { Platform } from "#platform/platform.ts";
import { policies } from "#platform/resilience/policies.ts";
import { ClientCache } from "./client-cache.ts";
import { ClientDocuments } from "./client-documents.ts";
import { isDevelopment } from "./client-uris.ts";
import { Accounts } from "./protocol/accounts.ts";
import { openidStore } from "./store.ts";

export interface OpenidState {
  readonly clients: ClientCache;
  readonly accounts: Accounts;
  /** Outgoing requests: documents and key sets of clients, and messages about ended sessions. */
  readonly fetch: GuardedFetch;
}

/** Key sets have some kilobytes. */
const outgoing = { timeLimitMs: policies["openid.clients"].timeLimitMs, bodyBytesMax: 256 * 1024 };

function stateOf(platform: Platform): OpenidState {
  const fetch = guardedFetch({ ...outgoing, allowLoopback: isDevelopment(platform.settings.publicUrl) });
  return { clients: new ClientCache(platform, new ClientDocuments(platform, fetch)), accounts: new Accounts(platform), fetch };
}

/** OAuth 2 and OpenID Connect: the clients, which are applications that get tokens. */
export const openid = module("openid", {
  store: openidStore,
  state: stateOf,
  uses: { access, identity, serviceaccounts, tenancy, sessions, tokens },
});
