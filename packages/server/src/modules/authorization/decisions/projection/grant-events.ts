import { GrantChanged, GrantCreated, GrantRevoked } from "#modules/authorization/access/index.ts";
import type { RevokingEvents } from "#platform/log/follower.ts";

/** The event of a grant identifies its cached look-ups. They are read again from the table, without the projector. */
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
