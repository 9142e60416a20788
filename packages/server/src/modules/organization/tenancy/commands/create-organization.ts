import { v7 as uuid } from "uuid";
import { ownerRole } from "#modules/authorization/access/index.ts";
import { signedIn } from "#operation/declaration/authorization.ts";
import type { Fail } from "#operation/declaration/context.ts";
import { invalid, QuotaExceeded } from "#operation/declaration/errors.ts";
import { Name, Type } from "#operation/declaration/schema.ts";
import { requireVisible } from "#operation/declaration/visible-name.ts";
import { requireWithinQuota } from "#operation/kernel/quota.ts";
import { violatedUnique } from "#platform/database/driver-errors.ts";
import { takenRule } from "#platform/names/stored-keys.ts";
import { NameTaken, SlugTaken } from "../errors.ts";
import { MemberJoined, OrganizationCreated } from "../events.ts";
import { Country, countryIssue, Organization, Slug } from "../model.ts";
import { tenancy } from "../module.ts";
import { slugIssue } from "../names.ts";
import { toOrganization } from "../store.ts";

/** Creates an organization with its system roles. The caller becomes its first owner. */
export const createOrganization = tenancy.command("createOrganization", {
  http: "POST /api/v1/iam/organizations",
  summary: "Create an organization; the caller becomes its owner.",
  allow: signedIn(),
  audit: { action: "Organization.Created", category: "Business", severity: "Info", entity: "Organization" },
  everyTenant: "the organization does not exist yet",
  status: 201,
  versioned: true,
  input: Type.Object({ name: Name, slug: Slug, country: Country }),
  output: Organization,
  errors: [NameTaken, SlugTaken, QuotaExceeded],
  // A principal with Tenant.Update may create any number of organizations. Checked only above the quota: a new user creates an organization
  // before the projection has their entries.
  async prepare({ reading, missingPermissions, principal, services }) {
    if (principal.kind !== "user") return true;
    const created = await reading((store) => store.organizationsCreatedBy(principal.id));
    return created < services.settings.quotas.organizations || (await missingPermissions(null, ["Tenant.Update"])).length > 0;
  },
  async run({ store, uses, user, emit, fail, audit, now, services }, input, isLimited) {
    requireVisible(input.name);
    const issue = countryIssue(input.country) ?? slugIssue(input.slug);
    if (issue) throw invalid(issue);
    if (isLimited)
      requireWithinQuota("organizations", (await store.organizationsForQuota(user.id)) + 1, services.settings.quotas.organizations);
    const organization = {
      id: uuid(),
      name: input.name,
      slug: input.slug,
      country: input.country,
      logo_asset_id: null,
      made_by: user.id,
    };
    const row = await store
      .insertOrganization({ ...organization, status: "Active", created_at: now, updated_at: now })
      .catch((error: unknown) => failTaken(error, fail));
    audit({ organizationId: row.id });
    const roles = await uses.access.createSystemRoles(row.id);
    const ownerRoleId = roles.get(ownerRole) as string;
    const membershipId = uuid();
    await store.insertMembership({ id: membershipId, user_id: user.id, organization_id: row.id, role_id: ownerRoleId, joined_at: now });
    await uses.access.setTenantStatus(row.id, row.status);
    await uses.access.assign(user.id, row.id, [ownerRoleId]);
    emit(OrganizationCreated, {
      organizationId: row.id,
      name: row.name,
      slug: row.slug,
      country: row.country,
      logoAssetId: null,
      ownerUserId: user.id,
    });
    emit(MemberJoined, { membershipId, userId: user.id, organizationId: row.id, roleIds: [ownerRoleId] });
    return toOrganization(row);
  },
});

/** Fails with the unique field that is already taken. */
export function failTaken(error: unknown, fail: Fail<typeof NameTaken | typeof SlugTaken>): never {
  const index = violatedUnique(error);
  if (index?.endsWith("_slug")) fail(SlugTaken, { field: "slug", ...takenRule(index) });
  if (index !== undefined) fail(NameTaken, { field: "name", ...takenRule(index) });
  throw error;
}
