import { Compile } from "typebox/compile";
import { type TSchema, Type } from "#operation/declaration/schema.ts";

// Schemas of AuthZEN 1.0 responses, written from its normative text: the published schemas are stricter than the text.

const anything = { additionalProperties: true } as const;
const FreeForm = Type.Object({}, anything);
const Count = Type.Integer({ minimum: 0 });
const url = (pattern: string) => Type.String({ pattern });

/** 5.5 */
const Decision = Type.Object({ decision: Type.Boolean(), context: Type.Optional(FreeForm) }, anything);
/** 7.2 */
const Evaluations = Type.Object({ evaluations: Type.Array(Decision, { minItems: 1 }) }, anything);
/** 8.2.2, 8.3 */
const Search = (result: TSchema) =>
  Type.Object(
    {
      page: Type.Optional(
        Type.Object(
          {
            next_token: Type.String(),
            count: Type.Optional(Count),
            total: Type.Optional(Count),
            properties: Type.Optional(FreeForm),
          },
          anything,
        ),
      ),
      context: Type.Optional(FreeForm),
      results: Type.Array(result),
    },
    anything,
  );
/** 5.1, 5.2 */
const Entity = Type.Object({ type: Type.String(), id: Type.String(), properties: Type.Optional(FreeForm) }, anything);
/** 5.3 */
const Action = Type.Object({ name: Type.String(), properties: Type.Optional(FreeForm) }, anything);
/** 9.1: no query and no fragment, and no parameter without a value (9.2.2). */
const endpoint = url("^https?://[^?#]+$");
const Metadata = Type.Object(
  {
    policy_decision_point: endpoint,
    access_evaluation_endpoint: endpoint,
    access_evaluations_endpoint: Type.Optional(endpoint),
    search_subject_endpoint: Type.Optional(endpoint),
    search_resource_endpoint: Type.Optional(endpoint),
    search_action_endpoint: Type.Optional(endpoint),
    capabilities: Type.Optional(Type.Array(url("^urn:ietf:params:authzen:"))),
    signed_metadata: Type.Optional(Type.String({ minLength: 1 })),
  },
  anything,
);

const issuesBy = (schema: TSchema) => {
  const validator = Compile(schema);
  return (value: unknown): readonly string[] =>
    validator.Check(value)
      ? []
      : [...(validator.Errors(value) as Iterable<{ instancePath: string; message: string }>)].map((e) => `${e.instancePath} ${e.message}`);
};

const evaluations = issuesBy(Evaluations);
const decision = issuesBy(Decision);

/** Validates a successful response of each endpoint against the standard. */
export const issues: Readonly<Record<string, (value: unknown) => readonly string[]>> = {
  "/access/v1/evaluation": decision,
  // Many decisions, or a single one if the request had no `evaluations` (7.1).
  "/access/v1/evaluations": (value) => (Object.hasOwn(value as object, "evaluations") ? evaluations(value) : decision(value)),
  "/access/v1/search/subject": issuesBy(Search(Entity)),
  "/access/v1/search/resource": issuesBy(Search(Entity)),
  "/access/v1/search/action": issuesBy(Search(Action)),
  "/.well-known/authzen-configuration": issuesBy(Metadata),
};
