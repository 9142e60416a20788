import { View } from "@gatehouse/policy";
import { LRUCache } from "lru-cache";
import {
  type EntitlementsEntry,
  entitlementsKey,
  type MembershipEntry,
  membershipKey,
  type RoleEntry,
  roleKey,
  type TenantEntry,
  tenantStatusKey,
  type UserEntry,
  userKey,
} from "#modules/authorization/access/index.ts";
import { policyOf, roleFacts } from "./compiled-entries.ts";
import { type ComposedView, sizeOfView } from "./composed-view.ts";
import type { CurrentPolicy } from "./current-policy.ts";
import type { EntryCache } from "./entry-cache.ts";
import type { CachedEntry } from "./entry-map.ts";

const viewsMax = 200_000;
const internalTenant: TenantEntry = { status: "Active" };

/** The in-process cache of views, each with the entries that it was composed of. Never returns a view with a stale entry. One per process. */
export class ViewCache {
  readonly #entries: EntryCache;
  readonly #policies: CurrentPolicy;
  readonly #views: LRUCache<string, ComposedView>;

  constructor(entries: EntryCache, policies: CurrentPolicy, bytesMax: number) {
    this.#entries = entries;
    this.#policies = policies;
    // Without `max`, for which lru-cache allocates at once: megabytes for an empty cache.
    this.#views = new LRUCache({ maxSize: bytesMax, sizeCalculation: sizeOfView });
  }

  /** The view if it is cached and all of its entries are current. */
  current(userId: string, organizationId: string | null): ComposedView | undefined {
    const composed = this.#views.get(viewKey(userId, organizationId));
    return composed === undefined || this.#isStale(composed) ? undefined : composed;
  }

  clear(): void {
    this.#views.clear();
  }

  /** Composes the view and caches it. Undefined if an entry changed meanwhile: then the caller has to compose it again. */
  async compose(userId: string, organizationId: string | null, deadline: number): Promise<ComposedView | undefined> {
    const composed = await this.#compose(userId, organizationId, deadline);
    if (this.#isStale(composed)) return undefined;
    this.#views.set(viewKey(userId, organizationId), composed);
    if (this.#views.size > viewsMax) this.#views.pop();
    return composed;
  }

  /** Checks a view's entries only if any entry became stale since the last check, which is rare. */
  #isStale(composed: ComposedView): boolean {
    const staled = this.#entries.staled + this.#policies.replaced;
    if (composed.checkedAtStaled === staled) return false;
    for (const entry of composed.entries) if (entry.stale) return true;
    composed.checkedAtStaled = staled;
    return false;
  }

  async #compose(userId: string, organizationId: string | null, deadline: number): Promise<ComposedView> {
    const keys = [membershipKey(userId, organizationId), userKey(userId)];
    if (organizationId !== null) keys.push(tenantStatusKey(organizationId), entitlementsKey(organizationId));
    const [membership, user, tenant, entitlements] = (await this.#entries.load(keys, deadline)) as [
      CachedEntry<MembershipEntry>,
      CachedEntry<UserEntry>,
      CachedEntry<TenantEntry> | undefined,
      CachedEntry<EntitlementsEntry> | undefined,
    ];
    const roleIds = membership.value?.roleIds ?? [];
    const roles = await this.#entries.load<RoleEntry>(roleIds.map(roleKey), deadline);
    // Loaded last: a replacement of the policy makes the view stale, and the earlier it is read the likelier that is.
    const policy = await this.#policies.entry();
    const entries = [policy, membership, user, ...(tenant ? [tenant] : []), ...(entitlements ? [entitlements] : []), ...roles];
    const { value } = policy;
    if (value === null || entries.some(({ unavailable }) => unavailable)) return { view: undefined, entries, checkedAtStaled: -1 };
    const inScope = organizationId === null ? internalTenant : tenant?.value;
    const facts = {
      user: {
        id: userId,
        kind: user.value?.kind,
        status: user.value?.status,
        profile: user.value?.profile,
        attributes: membership.value?.attributes,
      },
      tenant: {
        id: organizationId,
        status: inScope?.status,
        attributes: inScope?.attributes,
        entitlements: entitlements?.value ?? undefined,
      },
      roles: membership.value === null ? undefined : roles.map((role) => roleFacts(role.value, value)),
    };
    return { view: new View(policyOf(value), facts), entries, checkedAtStaled: -1 };
  }
}

const viewKey = (userId: string, organizationId: string | null): string => `${userId}/${organizationId ?? ""}`;
