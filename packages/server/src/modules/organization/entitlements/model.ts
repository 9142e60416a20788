import { unlimited } from "@gatehouse/policy";
import { nullable, type Static, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";

/** A feature: included or not. Or a limit: a number, or `unlimited`. */
const Value = Type.Union([Type.Boolean(), Type.Number({ minimum: 0 }), Type.Literal(unlimited)]);

/** Features and limits by name. */
export const EntitlementValues = Type.Record(Type.String({ pattern: "^[A-Za-z][A-Za-z0-9_.-]{0,99}$" }), Value, {
  maxProperties: 200,
  additionalProperties: false,
});

/** Billing's state of an organization. `entitlements` is null until it is known. */
export const Subscription = Type.Object({
  organizationId: Uuid,
  plan: nullable(Type.String({ maxLength: 100 })),
  entitlements: nullable(EntitlementValues),
  updatedAt: nullable(Timestamp),
  version: Type.Integer(),
});
export type Subscription = Static<typeof Subscription>;
