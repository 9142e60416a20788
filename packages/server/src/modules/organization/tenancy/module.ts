import { v7 as uuid } from "uuid";
import { access } from "#modules/authorization/access/index.ts";
import { decisions } from "#modules/authorization/decisions/index.ts";
import { identity } from "#modules/foundation/identity/index.ts";
import { notifications } from "#modules/foundation/notifications/index.ts";
import { type ErrorDetail, OperationError } from "#operation/declaration/errors.ts";
import { module } from "#operation/declaration/module.ts";
import type { UserUnknown } from "./errors.ts";
import { MemberJoined, OrganizationStatusChanged } from "./events.ts";
import type { Membership, OrganizationStatus } from "./model.ts";
import { representMember } from "./represent.ts";
import { restoreHolder } from "./restore-holder.ts";
import { tenancyStore } from "./store.ts";

/** Organizations, memberships and invitations. */
export const tenancy = module("tenancy", {
  store: tenancyStore,
  uses: { access, decisions, identity, notifications },
  readApi: ({ store, uses }) => ({
    async isMember(userId: string, organizationId: string): Promise<boolean> {
      return (await store.membershipOf(userId, organizationId)) !== undefined;
    },
    /** The first organizations of a user, by their id. */
    async organizationsOf(userId: string, limit: number): Promise<readonly { readonly id: string; readonly name: string }[]> {
      return (await store.organizationsOf(userId, null, { after: undefined, limit })).map(({ id, name }) => ({ id, name }));
    },
    async organizationName(organizationId: string): Promise<string | undefined> {
      return (await store.organizationById(organizationId))?.name;
    },
    async organizationStatus(organizationId: string) {
      return (await store.organizationById(organizationId))?.status;
    },
    /** A page of organizations, sorted by id. */
    async organizationsAfter(after: string | undefined, limit: number) {
      return (await store.organizationPage({ after, limit })).map(({ id, status }) => ({ id, status }));
    },
    /** The number of existing organizations, and of those erased within the last hours. */
    organizationCounts: (erasedWithinHours: number) => store.organizationCounts(erasedWithinHours),
    /** Whether any user has the internal Administrator role. */
    async hasAdministrator(): Promise<boolean> {
      return (await uses.access.holders((await uses.access.administratorRole()) as string)) > 0;
    },
    isErased: (organizationId: string): Promise<boolean> => store.isErased(organizationId),
  }),
  writeApi: ({ store, uses, emit, now }) => ({
    /** Suspends or activates an organization, including its status for decisions. */
    async setStatus(organizationId: string, status: OrganizationStatus): Promise<void> {
      const row = await store.lockOrganization(organizationId);
      if (row === undefined || row.status === status) return;
      const { name, slug, country, logo_asset_id } = row;
      await store.updateOrganization(organizationId, { name, slug, country, logo_asset_id, status }, now);
      await uses.access.setTenantStatus(organizationId, status);
      emit(OrganizationStatusChanged, { organizationId, status });
    },
    /** Makes a user an active internal administrator without other internal roles. Fails with `UserUnknown` without a confirmed account. */
    async restoreAdministrator(email: string): Promise<Membership> {
      const fail = (error: typeof UserUnknown, detail: ErrorDetail): never => {
        throw new OperationError(error, [detail]);
      };
      await store.lockInternalScope();
      const role = (await uses.access.administratorRole()) as string;
      return representMember(uses.access, await restoreHolder({ store, uses, emit, now, fail }, email, null, role));
    },
    /** Gives a user the internal Administrator role. */
    async makeAdministrator(userId: string): Promise<void> {
      const roleId = (await uses.access.administratorRole()) as string;
      const row = await store.insertMembership({ id: uuid(), user_id: userId, organization_id: null, role_id: roleId, joined_at: now });
      await uses.access.assign(userId, null, [roleId]);
      if (row) emit(MemberJoined, { membershipId: row.id, userId, organizationId: null, roleIds: [roleId] });
    },
  }),
});
