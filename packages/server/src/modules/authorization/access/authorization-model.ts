import type { AttributeType, AuthorizationModel } from "@gatehouse/policy";
import { oneOf, Type } from "#operation/declaration/schema.ts";

// Validates the shape only; the policy engine checks the references between names (issuesOfModel).
const AttributeKind = Type.Unsafe<AttributeType>(oneOf("text", "number", "boolean", "time", "address", "texts", "numbers"));
const Attributes = Type.Record(Type.String({ maxLength: 255 }), AttributeKind);
const closed = { additionalProperties: false } as const;

/** Subjects: a relation's name, { through, relation }, { any }, { all }, or { base, except }. */
const Expression = Type.Unsafe<never>({
  description: "A relation's name, { through, relation }, { any: [...] }, { all: [...] } or { base, except }.",
  anyOf: [
    { type: "string", maxLength: 63 },
    { type: "object", additionalProperties: true },
  ],
});

const Relation = Type.Object(
  { subjects: Type.Optional(Type.Array(Type.String({ maxLength: 127 }), { maxItems: 50 })), from: Type.Optional(Expression) },
  closed,
);
const PermissionRule = Type.Object({ allow: Type.Optional(Expression), deny: Type.Optional(Expression) }, closed);
const ResourceType = Type.Object(
  {
    attributes: Type.Optional(Attributes),
    relations: Type.Optional(Type.Record(Type.String(), Relation)),
    permissions: Type.Optional(Type.Record(Type.String(), PermissionRule)),
  },
  closed,
);

const Entitlement = Type.String({ minLength: 1, maxLength: 255 });
const Requirement = Type.Object(
  {
    entitlements: Type.Optional(
      Type.Array(
        Type.Union([
          Type.Object({ feature: Entitlement }, closed),
          Type.Object({ limit: Entitlement, current: Type.String({ maxLength: 255 }) }, closed),
        ]),
        { maxItems: 20 },
      ),
    ),
    session: Type.Optional(
      Type.Object(
        {
          anyMethod: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 20 })),
          maxAgeSeconds: Type.Optional(Type.Integer({ minimum: 1 })),
        },
        closed,
      ),
    ),
  },
  closed,
);

/** The authorization model in the API. */
export const AuthorizationModelInput = Type.Unsafe<AuthorizationModel>(
  Type.Object(
    {
      attributes: Type.Optional(
        Type.Object(
          {
            user: Type.Optional(Attributes),
            tenant: Type.Optional(Attributes),
            request: Type.Optional(Attributes),
            session: Type.Optional(Attributes),
          },
          closed,
        ),
      ),
      resourceTypes: Type.Optional(Type.Record(Type.String(), ResourceType)),
      requirements: Type.Optional(Type.Record(Type.String(), Requirement)),
    },
    closed,
  ),
);
