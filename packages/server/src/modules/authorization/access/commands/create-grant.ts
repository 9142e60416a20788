import { checkRelationship, kindOfSubject, type Relationship } from "@gatehouse/policy";
import { v7 as uuid } from "uuid";
import { scoped } from "#operation/declaration/authorization.ts";
import { invalid, QuotaExceeded } from "#operation/declaration/errors.ts";
import { nullable, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";
import { requireWithinQuota } from "#operation/kernel/quota.ts";
import { violatedUnique } from "#platform/database/driver-errors.ts";
import { checkConditionUnderLock } from "../check-condition.ts";
import { GrantTaken, HoldersAbove, PermissionNotHeld, RoleNotFound, UnknownRelation, UnknownResourceType } from "../errors.ts";
import { GrantCreated, GrantRevoked } from "../events.ts";
import { assertCanDelegate, subjectOf } from "../grant-rules.ts";
import { toGrant } from "../grant-store.ts";
import { ConditionInput, Grant, ModelName, ResourceRef, SubjectRef } from "../model.ts";
import { access } from "../module.ts";
import { asOperationError } from "../policy-errors.ts";
import { assertCanRevokeByGrant } from "../revocation-check.ts";
import { grantEventData } from "../revoke-subject.ts";

const uuidText = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/**
 * Creates a relationship between a subject and a resource. The subject is a user, every member, a service account, a role, another
 * resource, or the subjects of a relation of another resource. Optionally it expires, or applies under a condition.
 */
export const createGrant = access.command("createGrant", {
  http: "POST /api/v1/iam/grants",
  summary: "Grant a subject a relation to a resource.",
  allow: scoped({ tenant: "Organization.ManageGrants", internal: "InternalRole.Manage" }),
  audit: { action: "Grant.Created", category: "Security", severity: "Warning", entity: "Grant" },
  absent: RoleNotFound,
  status: 201,
  versioned: true,
  input: Type.Object({
    organizationId: Type.Optional(nullable(Uuid)),
    resource: ResourceRef,
    relation: ModelName,
    subject: SubjectRef,
    condition: Type.Optional(nullable(ConditionInput)),
    expiresAt: Type.Optional(nullable(Timestamp)),
  }),
  output: Grant,
  errors: [UnknownResourceType, UnknownRelation, GrantTaken, PermissionNotHeld, HoldersAbove, RoleNotFound, QuotaExceeded],
  async prepare(context, { organizationId = null, resource, relation, subject, condition }) {
    const policy = await context.reading((store) => context.state.compile(store));
    try {
      checkRelationship(policy, { resource, relation, subject: subjectOf(subject), condition } as Relationship);
    } catch (error) {
      throw asOperationError(error, {});
    }
    await assertCanDelegate(context, organizationId, { type: resource.type, relation }, "gives");
    await assertCanRevokeByGrant(context, organizationId, { type: resource.type, relation, subject: subjectOf(subject) });
  },
  async run(
    { store, emit, fail, audit, now, principal, services },
    { organizationId = null, resource, relation, subject, condition, expiresAt },
  ) {
    const { type, id, relation: ofSubject } = subjectOf(subject);
    const expires = expiresAt ? new Date(expiresAt) : null;
    if (expires && expires <= now) throw invalid({ field: "expiresAt", rule: "future", message: "is not in the future" });
    await checkConditionUnderLock(store, condition ?? null);
    // The model may have been replaced since it was checked.
    const types = (await store.currentModel()).document.resourceTypes;
    const takes = types?.[resource.type]?.relations?.[relation]?.subjects ?? [];
    if (!takes.includes(kindOfSubject(subjectOf(subject)))) fail(UnknownRelation, { field: "relation", rule: "defined" });
    // A model that predates service accounts may declare a resource type named service.
    const isHolder = (type === "user" && id !== "*") || (type === "service" && !Object.hasOwn(types ?? {}, type));
    // The same error for a non-member and an unknown id: it must not reveal whether the subject exists (docs/security/attacks.md, 20).
    if (isHolder && !(uuidText.test(id) && (await store.lockHolder(type, id, organizationId)))) {
      const noun = type === "user" ? "member" : "service account";
      throw invalid({ field: "subject.id", rule: "exists", message: `is not the id of a ${noun}` });
    }
    if (type === "role" && !(uuidText.test(id) && (await store.roleById(id))?.organization_id === organizationId))
      fail(RoleNotFound, { field: "subject.id" });
    const grant = {
      id: uuid(),
      organization_id: organizationId,
      resource_type: resource.type,
      resource_id: resource.id,
      relation,
      subject_type: type,
      subject_id: id,
      subject_relation: ofSubject ?? "",
      condition: condition ?? null,
      expires_at: expires,
      granted_by: principal.kind === "user" ? principal.id : null,
      granted_at: now,
    };
    // An expired grant does not conflict with a new one.
    const expired = await store.removeExpiredDuplicate(grant, now);
    if (expired !== undefined) emit(GrantRevoked, grantEventData(expired));
    if (organizationId !== null) {
      const { grants } = services.settings.quotas;
      requireWithinQuota("grants", (await store.grantsForQuota(organizationId, grants)) + 1, grants);
    }
    const row = await store.insertGrant(grant).catch((error: unknown) => {
      if (violatedUnique(error) !== undefined) fail(GrantTaken, { field: "subject", rule: "taken" });
      throw error;
    });
    emit(GrantCreated, grantEventData(row));
    audit({ before: expired === undefined ? null : toGrant(expired, now), after: toGrant(row, now) });
    return toGrant(row, now);
  },
});
