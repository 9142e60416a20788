import { defineEvent } from "#operation/declaration/event.ts";
import { nullable, oneOf, type Static, Type, Uuid } from "#operation/declaration/schema.ts";

const session = { sessionId: Uuid, userId: Uuid, organizationId: nullable(Uuid) };
const about = { subject: ["session", "sessionId"], tenant: "organizationId" } as const;

export const SessionStarted = defineEvent({
  type: "session.started.v1",
  summary: "A user signed in.",
  ...about,
  data: Type.Object(session),
});

export const SessionEnded = defineEvent({
  type: "session.ended.v1",
  summary: "A session was ended before it expired.",
  ...about,
  data: Type.Object({
    ...session,
    reason: oneOf(
      "signed_out",
      "ended_by_user",
      "signed_in_again",
      "too_many",
      "ended_by_administrator",
      "revoked",
      "refresh_token_replayed",
    ),
  }),
});

interface EndedRow {
  readonly id: string;
  readonly user_id: string;
  readonly organization_id: string | null;
}
export type EndedReason = Static<typeof SessionEnded.data>["reason"];

export const ended = ({ id, user_id, organization_id }: EndedRow, reason: EndedReason) => ({
  sessionId: id,
  userId: user_id,
  organizationId: organization_id,
  reason,
});

export const SessionExpired = defineEvent({
  type: "session.expired.v1",
  summary: "A session has expired. It is refused since then; its row is deleted within the hour.",
  ...about,
  data: Type.Object({ ...session, reason: oneOf("not_used", "too_old") }),
});

export const events = [SessionStarted, SessionEnded, SessionExpired];
