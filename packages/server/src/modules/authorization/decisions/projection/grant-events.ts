import { GrantChanged, GrantCreated, GrantRevoked } from "#modules/authorization/access/index.ts";
import type { RevokingEvents } from "#platform/log/follower.ts";

/** A grant's event says all that its look-ups are found by; the table is read again, so no worker stands between. */
const grantFields = ["resource", "relation", "subject"];
export const revokingGrantEvents: RevokingEvents = {
  [GrantCreated.type]: grantFields,
  [GrantChanged.type]: grantFields,
  [GrantRevoked.type]: grantFields,
};
export interface GrantOfEvent {
  readonly resource: { readonly type: string; readonly id: string };
  readonly relation: string;
  readonly subject: { readonly type: string; readonly id: string; readonly relation?: string | null };
}
