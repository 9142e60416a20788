import { timingSafeEqual } from "node:crypto";
import { ServiceStatusChanged } from "#modules/authorization/access/index.ts";
import { UserStatusChanged } from "#modules/foundation/identity/index.ts";
import { MemberRemoved } from "#modules/organization/tenancy/index.ts";
import type { IdentifiedPrincipal } from "#operation/declaration/principal.ts";
import type { MaybePromise } from "#operation/kernel/maybe-promise.ts";
import { everyTenant, type ReadHandle } from "#platform/database/database.ts";
import type { Limit } from "#platform/limits/limits.ts";
import { byField, LeasedCache } from "#platform/log/leased-cache.ts";
import { type NetworkList, networkList } from "#platform/network/networks.ts";
import type { Platform } from "#platform/platform.ts";
import { hashSecret } from "#platform/secrets.ts";
import { ApiKeyRevoked, ApiKeyRotated, ApiKeyUpdated } from "./events.ts";
import { limitOf, prefixOf } from "./model.ts";
import { isOwnerActive, type OwnerReads } from "./owner.ts";
import { statusAt } from "./represent.ts";
import { type ApiKeyRow, apiKeyStore } from "./store.ts";
import type { UsedKey } from "./usage-recorder.ts";

/** An active key in this process, as the principal that it authenticates. */
export interface ActiveKey extends UsedKey {
  readonly principal: IdentifiedPrincipal;
  readonly name: string;
  readonly scopes: readonly string[];
  /** The key of the rate limits: a rotation neither resets nor doubles them. */
  readonly familyId: string;
  /** Undefined where any address is allowed. */
  readonly networks: NetworkList | undefined;
  readonly limit: Limit | undefined;
  readonly operationLimits: ReadonlyMap<string, Limit>;
  readonly expiresAt: Date | null;
}

/** Some kilobytes each, more with a hundred networks. */
const keysMax = 50_000;

/** Finds the active key of a token. A key that was revoked in any process is refused within the revocation bound. One per process. */
export class KeyCache {
  readonly #platform: Platform;
  readonly #keys: LeasedCache<string, ActiveKey>;
  readonly #byPrincipal = new WeakMap<IdentifiedPrincipal, ActiveKey>();
  #ownerReads: ((db: ReadHandle) => OwnerReads) | undefined;

  constructor(platform: Platform) {
    this.#platform = platform;
    this.#keys = new LeasedCache(platform.log, {
      name: "API keys",
      entriesMax: keysMax,
      load: (cacheKey) => this.#readActive(cacheKey),
      isUsable: ({ expiresAt }) => expiresAt === null || platform.clock.now() < expiresAt.getTime(),
      tagsOf: ({ id, principal }) => [id, principal.id],
      revokedBy: {
        [ApiKeyRevoked.type]: byField("apiKeyId"),
        [ApiKeyRotated.type]: byField("apiKeyId"),
        [ApiKeyUpdated.type]: byField("apiKeyId"),
        [UserStatusChanged.type]: byField("userId"),
        [MemberRemoved.type]: byField("userId"),
        [ServiceStatusChanged.type]: byField("serviceId"),
      },
    });
  }

  /** `ownerReads` binds the other modules' reads to a transaction. */
  start(ownerReads: (db: ReadHandle) => OwnerReads): void {
    this.#ownerReads = ownerReads;
  }

  get size(): number {
    return this.#keys.size;
  }

  /** The active key that authenticated the principal. */
  ofPrincipal(principal: IdentifiedPrincipal): ActiveKey | undefined {
    return this.#byPrincipal.get(principal);
  }

  /** The active key of a token; null where there is none. Throws Unavailable where it cannot decide. */
  find(token: string): MaybePromise<ActiveKey | null> {
    const prefix = prefixOf(token);
    // The hash is part of the cache key: another secret with the same public part is another entry.
    return prefix === undefined ? null : this.#keys.find(`${prefix} ${hashSecret(token)}`);
  }

  /** Why a key is not active; undefined where it is. Only for a caller who has the secret. */
  async inactivity(row: ApiKeyRow, owners: OwnerReads): Promise<"revoked" | "expired" | "owner_inactive" | undefined> {
    const status = statusAt(row, new Date(this.#platform.clock.now()));
    if (status !== "active") return status;
    return (await isOwnerActive(row, owners)) ? undefined : "owner_inactive";
  }

  #readActive(cacheKey: string): Promise<ActiveKey | null> {
    const [prefix, hash] = cacheKey.split(" ") as [string, string];
    return this.#platform.database.read(everyTenant, async (db) => {
      const row = withSecret(await apiKeyStore.reads(db).byPrefix(prefix), hash);
      if (row === undefined || this.#ownerReads === undefined) return null;
      if ((await this.inactivity(row, this.#ownerReads(db))) !== undefined) return null;
      const key = activeKeyOf(row);
      this.#byPrincipal.set(key.principal, key);
      return key;
    });
  }
}

const noHash = "0".repeat(hashSecret("").length);

/** Returns the key if the hash is that of its secret. Takes the same time for any secret, and where there is no key. */
export function withSecret(row: ApiKeyRow | undefined, hash: string): ApiKeyRow | undefined {
  const isSame = timingSafeEqual(Buffer.from(row?.secret_hash ?? noHash), Buffer.from(hash));
  return isSame ? row : undefined;
}

function activeKeyOf(row: ApiKeyRow): ActiveKey {
  const { id, organization_id, owner_kind, owner_id, scopes, allowed_networks, rate_limit, operation_rate_limits } = row;
  return {
    id,
    principal: {
      kind: owner_kind,
      id: owner_id,
      organizationId: organization_id,
      credential: { kind: "apiKey", id, scopes, authenticatedAt: row.created_at.getTime(), methods: [] },
    },
    name: row.name,
    scopes,
    familyId: row.family_id,
    networks: allowed_networks === null ? undefined : networkList(allowed_networks),
    limit: rate_limit === null ? undefined : limitOf(rate_limit),
    operationLimits: new Map(Object.entries(operation_rate_limits ?? {}).map(([operation, limit]) => [operation, limitOf(limit)])),
    expiresAt: row.expires_at,
    recordedAt: row.last_used_at?.getTime() ?? 0,
  };
}
