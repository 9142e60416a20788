import { Compile, type Validator } from "typebox/compile";
import { type ErrorDetail, invalid } from "../declaration/errors.ts";
import type { TObject } from "../declaration/schema.ts";

/** Validates an input against its schema. Throws `common.validation_failed` with the path and the rule of each issue. */
export type InputCheck = (input: Record<string, unknown>) => void;

/** More would not help the caller, and many details in an answer are an amplification. */
const detailsMax = 20;

/** By schema: to compile one takes half a millisecond, and most processes receive few of their operations. */
const compiled = new WeakMap<TObject, Validator>();

function validatorOf(schema: TObject): Validator {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  const validator = Compile(schema);
  compiled.set(schema, validator);
  return validator;
}

export const inputCheck =
  (schema: TObject): InputCheck =>
  (input) => {
    const validator = validatorOf(schema);
    if (!validator.Check(input)) throw invalid(...detailsOf(validator.Errors(input)));
  };

interface SchemaIssue {
  readonly keyword: string;
  readonly instancePath: string;
  readonly message: string;
  readonly params: Record<string, unknown>;
}

function detailsOf(issues: readonly unknown[]): ErrorDetail[] {
  const details = (issues as readonly SchemaIssue[]).flatMap((issue): ErrorDetail[] => {
    const path = issue.instancePath.slice(1).replaceAll("/", ".");
    const pathOf = (name: string) => (path === "" ? name : `${path}.${name}`);
    if (issue.keyword === "required") {
      return (issue.params["requiredProperties"] as string[]).map((name) => ({
        field: pathOf(name),
        rule: "required",
        message: "is required",
      }));
    }
    if (issue.keyword === "additionalProperties") {
      return (issue.params["additionalProperties"] as string[]).map((name) => ({
        field: pathOf(name),
        rule: "unknown_field",
        message: "is not a field of this request",
      }));
    }
    // A closed object also reports each unknown field as a "false schema", which repeats the issue above.
    if (issue.keyword === "boolean") return [];
    return [{ field: path || "body", rule: ruleName(issue), message: issue.message }];
  });
  const seen = new Set<string>();
  return details
    .filter((detail) => {
      const key = `${detail.field} ${detail.rule}`;
      return seen.has(key) ? false : seen.add(key);
    })
    .slice(0, detailsMax);
}

const ruleName = (issue: SchemaIssue): string =>
  issue.keyword === "format" || issue.keyword === "type" ? `${issue.keyword}:${String(issue.params[issue.keyword])}` : issue.keyword;
