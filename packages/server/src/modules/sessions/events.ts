import { defineEvent } from "../../operation/event.ts";
import { nullable, oneOf, Type, Uuid } from "../../operation/schema.ts";

const session = { sessionId: Uuid, userId: Uuid, organizationId: nullable(Uuid) };
const about = { subject: ["session", "sessionId"], tenant: "organizationId" } as const;

export const SessionStarted = defineEvent({
  type: "session.started.v1",
  says: "A user signed in.",
  ...about,
  data: Type.Object(session),
});

export const SessionEnded = defineEvent({
  type: "session.ended.v1",
  says: "A session was ended before its time.",
  ...about,
  data: Type.Object({ ...session, reason: oneOf("signed_out", "ended_by_user") }),
});

export const SessionExpired = defineEvent({
  type: "session.expired.v1",
  says: "A session's time was over: it was refused since, and its row is removed within the hour.",
  ...about,
  data: Type.Object({ ...session, reason: oneOf("not_used", "too_old") }),
});

export const events = [SessionStarted, SessionEnded, SessionExpired];
