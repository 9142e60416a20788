import { scoped } from "../../../operation/authorization.ts";
import { invalid } from "../../../operation/errors.ts";
import { nullable, type Static, Type, Uuid } from "../../../operation/schema.ts";
import { NotHeld, RoleNotFound } from "../errors.ts";
import { revokeGrants as revoke } from "../forget-subject.ts";
import { mayHandle, subjectOf } from "../grant-rules.ts";
import type { GrantSearch } from "../grant-store.ts";
import { ResourceRef, SubjectRef } from "../model.ts";
import { access } from "../module.ts";

const Input = Type.Object({
  organizationId: Type.Optional(nullable(Uuid)),
  resource: Type.Optional(ResourceRef),
  subject: Type.Optional(SubjectRef),
});

/** A subject without a relation stands for every set of it as well. */
function searchOf({ organizationId = null, resource, subject }: Static<typeof Input>): GrantSearch {
  const who = subject && subjectOf(subject);
  return {
    organizationId,
    resourceType: resource?.type,
    resourceId: resource?.id,
    subjectType: who?.type,
    subjectId: who?.id,
    subjectRelation: who?.relation,
  };
}

/** Revokes every grant on a resource, or of a subject: for when the thing, or the one, is gone. */
export const revokeGrants = access.command("revokeGrants", {
  http: "POST /api/v1/iam/grants/revoke",
  summary: "Revoke every grant on a resource or of a subject.",
  allow: scoped({ tenant: "Organization.ManageGrants", internal: "InternalRole.Manage" }),
  absent: RoleNotFound,
  input: Input,
  output: Type.Object({ revoked: Type.Integer() }),
  errors: [NotHeld, RoleNotFound],
  async prepare(context, input) {
    if (!input.resource && !input.subject) {
      throw invalid({ field: "resource", rule: "required", message: "or subject is required" });
    }
    const relations = await context.reading((store) => store.grantRelations(searchOf(input)));
    for (const about of relations) await mayHandle(context, input.organizationId ?? null, about, "takes");
    return relations;
  },
  async run({ store, emit, fail }, input, looked) {
    const known = (await store.grantRelations(searchOf(input))).every(({ type, relation }) =>
      looked.some((about) => about.type === type && about.relation === relation),
    );
    // Another kind came in between; what it can do was not looked at.
    if (!known) fail(NotHeld, { field: "resource", rule: "changed" });
    return { revoked: await revoke({ store, emit }, searchOf(input)) };
  },
});
