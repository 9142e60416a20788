import { type AuthorizationModel, issuesOfCondition, issuesOfModel, PermissionTree, vocabularyOf } from "@gatehouse/policy";
import { internal } from "#operation/declaration/authorization.ts";
import { type ErrorDetail, invalid } from "#operation/declaration/errors.ts";
import { Type } from "#operation/declaration/schema.ts";
import { AuthorizationModelInput } from "../authorization-model.ts";
import { ModelInUse } from "../errors.ts";
import { ModelReplaced } from "../events.ts";
import { lockoutsOf } from "../model-lockout.ts";
import { access } from "../module.ts";

/** Issues that one response reports at most. */
const detailsMax = 20;

/**
 * Replaces the whole authorization model: attributes, resource types with their relations, and requirements. Rejects a model that existing
 * grants or conditions do not fit.
 */
export const replaceModel = access.command("replaceModel", {
  http: "PUT /api/v1/iam/authorization/model",
  summary: "Replace the authorization model.",
  allow: internal("Authorization.ManageModel"),
  audit: { action: "AuthorizationModel.Replaced", category: "Security", severity: "Critical", entity: "AuthorizationModel" },
  versioned: true,
  everyTenant: "the installation has one model, and grants and conditions of every tenant depend on it",
  input: Type.Object({ model: AuthorizationModelInput }),
  output: Type.Object({ model: AuthorizationModelInput, version: Type.Integer() }),
  errors: [ModelInUse],
  async run({ store, emit, fail, audit, expectVersion, now }, { model }) {
    await store.lockModel();
    const current = await store.currentModel();
    expectVersion(current.version);
    const tree = new PermissionTree(await store.permissionPage({ limit: Number.MAX_SAFE_INTEGER }));
    const issues = issuesOfModel(model, tree).slice(0, detailsMax);
    if (issues.length > 0) throw invalid(...issues.map((issue) => ({ ...issue, field: `model.${issue.field}` })));
    const lockouts = lockoutsOf(model);
    if (lockouts.length > 0) throw invalid(...lockouts);
    const conflicts = [
      ...lostRelations(model, await store.relationKinds()),
      ...lostConditions(model, await store.conditionsOfRoles(), await store.conditionsOfGrants()),
    ].slice(0, detailsMax);
    if (conflicts.length > 0) fail(ModelInUse, ...conflicts);
    const version = current.version + 1;
    await store.insertModel({ version, document: model }, now);
    audit({ entity: { type: "AuthorizationModel", id: String(version) }, before: current.document, after: model });
    emit(ModelReplaced, { version });
    return { model, version };
  },
});

type Kinds = readonly { readonly type: string; readonly relation: string; readonly subject: string }[];

/** Kinds of existing grants that the new model does not allow. */
function lostRelations(model: AuthorizationModel, kinds: Kinds): ErrorDetail[] {
  return kinds
    .filter(({ type, relation, subject }) => !(model.resourceTypes?.[type]?.relations?.[relation]?.subjects ?? []).includes(subject))
    .map(({ type, relation, subject }) => ({
      field: `model.resourceTypes.${type}.relations.${relation}.subjects`,
      rule: "used_by_grants",
      subject,
      message: `is left out, and there are grants to ${subject}`,
    }));
}

type Conditions = readonly Parameters<typeof issuesOfCondition>[0][];
type GrantConditions = readonly { readonly type: string; readonly condition: unknown }[];

/** Issues of existing conditions under the new model. */
function lostConditions(model: AuthorizationModel, ofRoles: Conditions, ofGrants: GrantConditions): ErrorDetail[] {
  const vocabulary = vocabularyOf(model);
  const used = [
    ...ofRoles.map((condition) => ["used_by_roles", condition] as const),
    ...ofGrants.map(({ condition }) => ["used_by_grants", condition] as const),
  ];
  return used.flatMap(([rule, condition]) =>
    issuesOfCondition(condition, vocabulary).map(({ message }) => ({ field: "model.attributes", rule, message: `a condition ${message}` })),
  );
}
