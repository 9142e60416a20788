import { internal } from "../../../operation/authorization.ts";
import { oneOf, Type, Uuid } from "../../../operation/schema.ts";
import { OwnStatus, UserNotFound } from "../errors.ts";
import { UserStatusChanged } from "../events.ts";
import { User } from "../model.ts";
import { identity } from "../module.ts";
import { toUser } from "../store.ts";

/** Suspends a user, which ends every session at once, or lets him in again. An unconfirmed user stays unconfirmed. */
export const setUserStatus = identity.command("setUserStatus", {
  http: "PATCH /api/v1/users/:userId",
  summary: "Suspend a user, or make him active again.",
  allow: internal("User.SetStatus"),
  versioned: true,
  input: Type.Object({ userId: Uuid, status: oneOf("Active", "Suspended") }),
  output: User,
  errors: [UserNotFound, OwnStatus],
  async run({ store, caller, emit, fail, expectVersion, now }, { userId, status }) {
    if (caller.kind === "user" && caller.userId === userId) fail(OwnStatus);
    const row = (await store.lockById(userId)) ?? fail(UserNotFound);
    expectVersion(row.version);
    const confirmed = row.email_verification_token === null;
    const next = status === "Active" && !confirmed ? "PendingConfirmation" : status;
    if (row.status === next) return toUser(row);
    const updated = await store.setStatus(userId, next, now);
    emit(UserStatusChanged, { userId, status: next });
    return toUser(updated);
  },
});
