import type { Generated, Selectable } from "kysely";
import type { InvitationStatus, OrganizationStatus } from "../model.ts";

export interface Organizations {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  readonly status: OrganizationStatus;
  readonly country: string;
  readonly logo_asset_id: string | null;
  readonly name_key: string | null;
  readonly name_key_holder: Generated<string | null>;
  readonly slug_key: string | null;
  readonly slug_key_holder: Generated<string | null>;
  readonly made_by: string | null;
  readonly version: Generated<number>;
  readonly created_at: Date;
  readonly updated_at: Date;
}

export interface Memberships {
  readonly id: string;
  readonly user_id: string;
  readonly organization_id: string | null;
  readonly role_id: string;
  readonly version: Generated<number>;
  readonly joined_at: Date;
}

export interface Invitations {
  readonly id: string;
  readonly organization_id: string;
  readonly invitee_email: string;
  readonly inviter_user_id: string | null;
  readonly role_id: string | null;
  readonly status: InvitationStatus;
  readonly token: string;
  readonly expires_at: Date;
  readonly created_at: Date;
}

export interface InvitationRoles {
  readonly invitation_id: string;
  readonly role_id: string;
  readonly organization_id: string;
}

/** An erased organization; `finished_at` is null while it is being erased. */
export interface ErasedOrganizations {
  readonly id: string;
  readonly erased_at: Date;
  readonly finished_at: Date | null;
  readonly members_total: Generated<number>;
  readonly members_removed: Generated<number>;
  readonly moved_at: Date | null;
}

export interface Tables {
  readonly organizations: Organizations;
  readonly memberships: Memberships;
  readonly invitations: Invitations;
  readonly invitation_roles: InvitationRoles;
  readonly erased_organizations: ErasedOrganizations;
}

export type OrganizationRow = Selectable<Organizations>;
export type NewOrganization = Omit<Organizations, "version" | "name_key" | "name_key_holder" | "slug_key" | "slug_key_holder">;
export type MembershipRow = Selectable<Memberships>;
export type InvitationRow = Selectable<Invitations>;
export type ErasureRow = Selectable<ErasedOrganizations>;

/** A page, sorted by id. */
export interface PageOf {
  readonly after: string | undefined;
  readonly limit: number;
}
