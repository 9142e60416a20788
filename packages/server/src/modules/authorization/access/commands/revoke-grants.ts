import { scoped } from "#operation/declaration/authorization.ts";
import { invalid } from "#operation/declaration/errors.ts";
import { nullable, type Static, Type, Uuid } from "#operation/declaration/schema.ts";
import { PermissionNotHeld, RoleNotFound } from "../errors.ts";
import { assertCanDelegate, subjectOf } from "../grant-rules.ts";
import type { GrantSearch } from "../grant-store.ts";
import { ResourceRef, SubjectRef } from "../model.ts";
import { access } from "../module.ts";
import { revokedAtOnce, revokeSomeGrants } from "../revoke-subject.ts";

/** Grants of one call: a small machine revokes ten thousand a second, and a call may take fifteen seconds. */
const grantsMax = 50_000;

const Input = Type.Object({
  organizationId: Type.Optional(nullable(Uuid)),
  resource: Type.Optional(ResourceRef),
  subject: Type.Optional(SubjectRef),
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: grantsMax,
      description: `Revoke at most this many. The response says whether there are more. Without it all are revoked, ${grantsMax} at most.`,
    }),
  ),
});

/** A subject without a relation also matches every subject set of it. */
function searchOf({ organizationId = null, resource, subject }: Static<typeof Input>): GrantSearch {
  const normalized = subject && subjectOf(subject);
  return {
    organizationId,
    resourceType: resource?.type,
    resourceId: resource?.id,
    subjectType: normalized?.type,
    subjectId: normalized?.id,
    subjectRelation: normalized?.relation,
  };
}

/** Revokes every grant on a resource or of a subject, for use after the resource or subject was deleted. */
export const revokeGrants = access.command("revokeGrants", {
  http: "POST /api/v1/iam/grants/revoke",
  summary: "Revoke every grant on a resource or of a subject.",
  allow: scoped({ tenant: "Organization.ManageGrants", internal: "InternalRole.Manage" }),
  audit: { action: "Grant.RevokedMany", category: "Security", severity: "Warning" },
  absent: RoleNotFound,
  input: Input,
  output: Type.Object({
    revoked: Type.Integer(),
    more: Type.Boolean({ description: "Whether the limit left grants unrevoked." }),
  }),
  errors: [PermissionNotHeld, RoleNotFound],
  inBatches: "a resource or a subject may have tens of thousands of grants",
  async prepare(context, input) {
    if (!input.resource && !input.subject) {
      throw invalid({ field: "resource", rule: "required", message: "or subject is required" });
    }
    const search = searchOf(input);
    const { relations, found } = await context.reading(async (store) => ({
      relations: await store.grantRelations(search),
      found: input.limit === undefined ? await store.countGrants(search, grantsMax + 1) : 0,
    }));
    if (found > grantsMax) {
      const message = `is required: there are more than ${grantsMax} grants; repeat the call while the response says more`;
      throw invalid({ field: "limit", rule: "required", max: grantsMax, message });
    }
    for (const about of relations) await assertCanDelegate(context, input.organizationId ?? null, about, "takes");
    return relations;
  },
  async run({ store, emit, fail, more }, input, checkedRelations, done = { revoked: 0, more: false }) {
    const search = searchOf(input);
    const allowed = (input.limit ?? grantsMax) - done.revoked;
    const removed = await revokeSomeGrants({ store, emit }, search, Math.min(revokedAtOnce, allowed));
    const known = removed.rows.every(({ resource_type, relation }) =>
      checkedRelations.some((about) => about.type === resource_type && about.relation === relation),
    );
    // A grant of another relation was created meanwhile; the delegation check did not cover it.
    if (!known) fail(PermissionNotHeld, { field: "resource", rule: "changed" });
    const revoked = done.revoked + removed.rows.length;
    const atLimit = removed.rows.length >= allowed;
    if (removed.more && !atLimit) more();
    return { revoked, more: removed.more && (!atLimit || (await store.countGrants(search, 1)) > 0) };
  },
});
