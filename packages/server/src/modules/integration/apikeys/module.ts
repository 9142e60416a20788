import { access } from "#modules/authorization/access/index.ts";
import { type DecisionReader, decisions, readerOf } from "#modules/authorization/decisions/index.ts";
import { identity } from "#modules/foundation/identity/index.ts";
import { notifications } from "#modules/foundation/notifications/index.ts";
import { serviceaccounts } from "#modules/organization/serviceaccounts/index.ts";
import { tenancy } from "#modules/organization/tenancy/index.ts";
import { module } from "#operation/declaration/module.ts";
import type { Platform } from "#platform/platform.ts";
import { KeyCache } from "./key-cache.ts";
import { apiKeyStore } from "./store.ts";
import { UsageRecorder } from "./usage-recorder.ts";

export interface ApiKeyState {
  readonly cache: KeyCache;
  readonly usage: UsageRecorder;
  readonly reader: DecisionReader;
}

function stateOf(platform: Platform): ApiKeyState {
  const usage = new UsageRecorder(platform);
  platform.log.onRestart(() => usage.clear());
  return { cache: new KeyCache(platform), usage, reader: readerOf(platform) };
}

/** API keys: credentials of users and service accounts, with scopes, networks, rate limits and an expiry. */
export const apikeys = module("apikeys", {
  store: apiKeyStore,
  state: stateOf,
  uses: { access, decisions, identity, notifications, serviceaccounts, tenancy },
});
