import type { AttributeType, AuthorizationModel } from "@gatehouse/policy";
import type { PrepareContextOf } from "#operation/declaration/contexts-of.ts";
import { invalid } from "#operation/declaration/errors.ts";
import { nullable, personalKeyword, type Static, Type, Uuid } from "#operation/declaration/schema.ts";
import { conditionalPermissions } from "./conditional-permissions.ts";
import { PermissionNotHeld } from "./errors.ts";
import type { access } from "./module.ts";
import type { AttributesRow } from "./policy-store.ts";
import type { AccessReads } from "./store.ts";

const Value = Type.Union([
  Type.String({ maxLength: 1_000 }),
  Type.Number(),
  Type.Boolean(),
  Type.Array(Type.Union([Type.String({ maxLength: 1_000 }), Type.Number()]), { maxItems: 200 }),
]);

/** Attributes that conditions read, by name: texts, numbers, booleans or lists of them. */
export const AttributeValues = Type.Record(Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_-]{0,62}$" }), Value, {
  maxProperties: 100,
  additionalProperties: false,
});

/** Attributes of a member: personal data, whatever their values are. */
export const PersonAttributes = { ...AttributeValues, [personalKeyword]: true } as typeof AttributeValues;

export const AttributesOfSubject = Type.Object({
  organizationId: Uuid,
  userId: nullable(Uuid),
  attributes: AttributeValues,
  version: Type.Integer(),
});

/** Whether the id is a member's. Service accounts have roles, but no membership and no attributes. */
export const isMember = async (
  store: Pick<AccessReads, "assignments" | "servicesAmong">,
  userId: string,
  organizationId: string,
): Promise<boolean> =>
  (await store.assignments([userId], organizationId)).has(userId) && !(await store.servicesAmong([userId])).has(userId);

export const toAttributes = (
  organizationId: string,
  userId: string | null,
  row: AttributesRow | undefined,
): Static<typeof AttributesOfSubject> => ({
  organizationId,
  userId,
  attributes: (row?.attributes ?? {}) as Static<typeof AttributeValues>,
  version: row?.version ?? 0,
});

/** Names that the product sets itself: reserved. */
const reservedNames = {
  user: new Set(["id", "roles", "status", "email", "name", "firstName", "lastName", "locale"]),
  tenant: new Set(["id", "roles", "status"]),
} as const;

const fits: Readonly<Record<AttributeType, (value: unknown) => boolean>> = {
  text: (value) => typeof value === "string",
  address: (value) => typeof value === "string",
  time: (value) => typeof value === "string" || typeof value === "number",
  number: (value) => typeof value === "number",
  boolean: (value) => typeof value === "boolean",
  texts: (value) => Array.isArray(value) && value.every((item) => typeof item === "string"),
  numbers: (value) => Array.isArray(value) && value.every((item) => typeof item === "number"),
};

/** Rejects attributes that the model does not declare for `user` or `tenant`, or declares with another type. */
export function checkAttributes(model: AuthorizationModel, of: "user" | "tenant", attributes: Readonly<Record<string, unknown>>): void {
  const declared = model.attributes?.[of];
  const details = Object.entries(attributes).flatMap(([name, value]) => {
    const field = `attributes.${name}`;
    if (reservedNames[of].has(name)) return [{ field, rule: "reserved", message: "is set by the product itself" }];
    if (declared === undefined) return [];
    const type = Object.hasOwn(declared, name) ? declared[name] : undefined;
    if (type === undefined) return [{ field, rule: "declared", message: "is not declared in the authorization model" }];
    return fits[type](value) ? [] : [{ field, rule: `type:${type}`, message: `must be of the type ${type}` }];
  });
  if (details.length > 0) throw invalid(...details.slice(0, 20));
}

/**
 * Prevents privilege escalation by attributes: rejects callers who could meet, by attributes that apply to themselves, a condition of one
 * of their roles, unless they hold its permission already.
 */
export async function assertNoEscalation(
  { state, reading, requireHeld }: PrepareContextOf<typeof access, typeof PermissionNotHeld>,
  placeholder: "$user." | "$tenant.",
  userId: string,
  organizationId: string,
): Promise<void> {
  const conditional = await reading(async (store) =>
    conditionalPermissions(store, await state.compile(store), placeholder, userId, organizationId),
  );
  await requireHeld(organizationId, conditional, { error: PermissionNotHeld, field: "attributes" });
}
