import { internal } from "../../../operation/authorization.ts";
import { CredentialInvalid } from "../../../operation/errors.ts";
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
  errors: [UserNotFound, OwnStatus, CredentialInvalid],
  async run({ store, caller, emit, fail, audit, expectVersion, now }, { userId, status }) {
    if (caller.kind === "user" && caller.userId === userId) fail(OwnStatus);
    const actor = caller.kind === "user" ? caller.userId : userId;
    const locked = await store.lockByIds([userId, actor]);
    const row = locked.find(({ id }) => id === userId) ?? fail(UserNotFound);
    // Of two administrators who suspend each other at the same moment, the second is no longer one who may.
    if (caller.kind === "user" && locked.find(({ id }) => id === actor)?.status !== "Active") fail(CredentialInvalid);
    expectVersion(row.version);
    const confirmed = row.email_verification_token === null;
    const next = status === "Active" && !confirmed ? "PendingConfirmation" : status;
    audit({ before: { status: row.status }, after: { status: next } });
    if (row.status === next) return toUser(row);
    const updated = await store.setStatus(userId, next, now);
    emit(UserStatusChanged, { userId, status: next });
    return toUser(updated);
  },
});
