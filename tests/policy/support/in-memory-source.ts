import type { Relationship } from "../../../packages/policy/src/index.ts";
import {
  entitlementsKey,
  membershipKey,
  policyKey,
  roleKey,
  tenantStatusKey,
  userKey,
} from "../../../packages/server/src/modules/authorization/access/entries/entry-key.ts";
import type {
  FoundRelationships,
  PolicySource,
  RelationshipLookup,
  SourceEntry,
} from "../../../packages/server/src/modules/authorization/decisions/policy-source.ts";
import type { Role, Subject, World } from "./world.ts";

/** The one revision: nothing changes after the source was made. */
const version = "1";
const anySubject = new Set(["user", "role"]);

/** A world of the corpus as a policy source, without database, projection and snapshot. */
export class InMemoryPolicySource implements PolicySource {
  readonly #entries = new Map<string, SourceEntry>();
  readonly #relationships: readonly Relationship[];
  readonly #roleIds = new Map<Role, string>();

  constructor({ permissions, model, relationships }: World, subjects: Iterable<Subject>) {
    this.#relationships = relationships;
    this.set(policyKey, { permissions: permissions.map((node) => ({ ...node, scope: "Organization" })), model });
    for (const subject of subjects) this.#add(subject);
  }

  /** Replaces the entry of a key. */
  set(key: string, value: unknown): void {
    this.#entries.set(key, { value, version });
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /** Marks the entry as one that could not be computed. */
  markUnavailable(key: string): void {
    this.#entries.set(key, { value: null, version, unavailable: true });
  }

  async start(): Promise<readonly []> {
    return [];
  }

  async entries(keys: readonly string[]): Promise<readonly (SourceEntry | null)[]> {
    return keys.map((key) => this.#entries.get(key) ?? null);
  }

  async relationships(
    _organizationId: string | null,
    lookups: readonly RelationshipLookup[],
    max: number,
  ): Promise<readonly FoundRelationships[]> {
    return lookups.map((lookup) => ({
      relationships: this.#relationships.filter((each) => isFoundBy(lookup, each)).slice(0, max + 1),
      version,
    }));
  }

  #add({ user, tenant, roles }: Subject): void {
    if (user.status !== undefined) this.set(userKey(user.id), { status: user.status, kind: user.kind });
    if (tenant.id !== null) {
      if (tenant.status !== undefined) this.set(tenantStatusKey(tenant.id), { status: tenant.status, attributes: tenant.attributes });
      if (tenant.entitlements !== undefined) this.set(entitlementsKey(tenant.id), tenant.entitlements);
    }
    if (roles === undefined) return;
    const roleIds = roles.map((role) => (role === undefined ? "unknown" : this.#roleIdOf(role)));
    this.set(membershipKey(user.id, tenant.id), { roleIds, attributes: user.attributes });
  }

  /** Keys roles by object, because files give roles of two tenants the same id. */
  #roleIdOf(role: Role): string {
    const known = this.#roleIds.get(role) ?? String(this.#roleIds.size);
    this.#roleIds.set(role, known);
    const { id, name, rules } = role;
    this.set(roleKey(known), { id, name, scope: "Organization", organizationId: null, isSystem: false, given: rules, effective: "" });
    return known;
  }
}

function isFoundBy({ kind, resource, relation, subject }: RelationshipLookup, each: Relationship): boolean {
  if (each.relation !== relation || each.resource.type !== resource.type) return false;
  if (kind !== "reverse" && each.resource.id !== resource.id) return false;
  if (kind === "indirect") return !anySubject.has(each.subject.type);
  return each.subject.type === subject.type && each.subject.id === subject.id && (each.subject.relation ?? "") === subject.relation;
}
