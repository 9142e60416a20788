import { byInput, either, internal, permission } from "#operation/declaration/authorization.ts";
import { invalid, PermissionDenied } from "#operation/declaration/errors.ts";
import { Name, nullable, Type, Uuid } from "#operation/declaration/schema.ts";
import { requireVisible } from "#operation/declaration/visible-name.ts";
import { NameTaken, OrganizationNotFound, SlugTaken } from "../errors.ts";
import { OrganizationStatusChanged, OrganizationUpdated } from "../events.ts";
import { Country, countryIssue, Organization, OrganizationStatus, Slug } from "../model.ts";
import { tenancy } from "../module.ts";
import { slugIssue } from "../names.ts";
import { type OrganizationRow, toOrganization } from "../store.ts";
import { failTaken } from "./create-organization.ts";

const setStatus = internal("Tenant.SetStatus");

/** Updates an organization's settings. Only internal administrators may change its status (docs/contract.md). */
export const updateOrganization = tenancy.command("updateOrganization", {
  http: "PUT /api/v1/iam/organizations/:organizationId",
  summary: "Update an organization's settings, or as an internal administrator its status.",
  allow: byInput(
    "status",
    { Active: setStatus, Suspended: setStatus },
    either(permission("Organization.Update"), internal("Tenant.Update")),
  ),
  audit: { action: "Organization.Updated", category: "Business", severity: "Info", entity: "Organization" },
  absent: OrganizationNotFound,
  versioned: true,
  input: Type.Object(
    {
      organizationId: Uuid,
      name: Type.Optional(Name),
      slug: Type.Optional(Slug),
      country: Type.Optional(Country),
      logoAssetId: Type.Optional(nullable(Uuid)),
      status: Type.Optional(OrganizationStatus),
    },
    { minProperties: 2 },
  ),
  output: Organization,
  errors: [OrganizationNotFound, NameTaken, SlugTaken, PermissionDenied],
  async prepare({ holds, fail }, { organizationId: _, status, ...settings }) {
    if (status === undefined || Object.keys(settings).length === 0) return;
    if (!(await holds(null, "Tenant.Update"))) fail(PermissionDenied, { rule: "permission", permission: "Tenant.Update" });
  },
  async run({ store, uses, emit, fail, audit, expectVersion, now }, input) {
    requireVisible(input.name);
    const issue = input.country === undefined ? undefined : countryIssue(input.country);
    if (issue) throw invalid(issue);
    const before = (await store.lockOrganization(input.organizationId)) ?? fail(OrganizationNotFound);
    expectVersion(before.version);
    // A slug from before its word was reserved stays valid.
    const reserved = input.slug === undefined || input.slug === before.slug ? undefined : slugIssue(input.slug);
    if (reserved) throw invalid(reserved);
    const change = {
      name: input.name ?? before.name,
      slug: input.slug ?? before.slug,
      country: input.country ?? before.country,
      logo_asset_id: input.logoAssetId === undefined ? before.logo_asset_id : input.logoAssetId,
      status: input.status ?? before.status,
    };
    const row = await store.updateOrganization(before.id, change, now).catch((error: unknown) => failTaken(error, fail));
    const { organizationId: id, status, ...settings } = input;
    audit({ before: auditedSettings(before), after: auditedSettings(row) });
    if (Object.keys(settings).length > 0) {
      emit(OrganizationUpdated, {
        organizationId: id,
        name: row.name,
        slug: row.slug,
        country: row.country,
        logoAssetId: row.logo_asset_id,
      });
    }
    if (status !== undefined && status !== before.status) {
      await uses.access.setTenantStatus(row.id, status);
      emit(OrganizationStatusChanged, { organizationId: row.id, status });
    }
    return toOrganization(row);
  },
});

const auditedSettings = ({ name, slug, country, logo_asset_id, status }: OrganizationRow) => ({
  name,
  slug,
  country,
  logoAssetId: logo_asset_id,
  status,
});
