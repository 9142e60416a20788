import type { User } from "#modules/foundation/identity/index.ts";
import type { CachedApisOf, ReadApisOf } from "#operation/declaration/module.ts";
import type { Transact } from "#operation/declaration/transact.ts";
import type { Authenticate } from "#operation/kernel/authenticators.ts";
import type { InternalDispatch } from "#operation/kernel/internal-dispatch.ts";
import { everyTenant, type ReadHandle } from "#platform/database/database.ts";
import type { GuardedFetch } from "#platform/network/guarded-fetch.ts";
import type { Platform } from "#platform/platform.ts";
import type { ActiveClient } from "../active-client.ts";
import type { ClientCache } from "../client-cache.ts";
import type { openid } from "../module.ts";
import type { Accounts } from "./accounts.ts";

/** The APIs of the modules that this one uses. */
export type UsedApis = ReadApisOf<NonNullable<(typeof openid)["declaration"]["uses"]>>;

/** What the parts of the protocol depend on. */
export interface ProtocolDependencies {
  readonly platform: Platform;
  readonly clients: ClientCache;
  readonly accounts: Accounts;
  readonly fetch: GuardedFetch;
  readonly uses: (db: ReadHandle) => UsedApis;
  readonly cached: CachedApisOf<NonNullable<(typeof openid)["declaration"]["uses"]>>;
  readonly transact: Transact;
  readonly dispatch: InternalDispatch;
  readonly authenticate: Authenticate;
}

/** Reads with the APIs of other modules, in a transaction of its own. */
export const reading = <T>(
  { platform, uses }: Pick<ProtocolDependencies, "platform" | "uses">,
  work: (apis: UsedApis) => Promise<T>,
): Promise<T> => platform.database.read(everyTenant, (db) => work(uses(db)));

export type { ActiveClient, User };
