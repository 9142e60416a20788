/** One thing wrong in a definition or an input: the place, the broken rule and a sentence. Never the value. */
export interface Issue {
  readonly field: string;
  readonly rule: string;
  readonly message: string;
}

export type PolicyErrorCode =
  /** A model, a role's rule or a relationship that cannot be. */
  | "invalid_definition"
  /** Placeholders that the decision needs are missing or of the wrong type. */
  | "invalid_input"
  | "unknown_permission"
  | "unknown_resource_type"
  | "unknown_relation"
  /** The relationships are too deep or too many to decide in bounded time. */
  | "evaluation_limit";

/** What the engine throws. An unknown name or an invalid input is never answered with a silent no. */
export class PolicyError extends Error {
  readonly code: PolicyErrorCode;
  readonly issues: readonly Issue[];

  constructor(code: PolicyErrorCode, issues: readonly Issue[]) {
    super(`${code}: ${issues.map(({ field, message }) => `${field} ${message}`).join("; ")}`);
    this.name = "PolicyError";
    this.code = code;
    this.issues = issues;
  }
}

/** Issues found below `field` as seen from above it; either may be the whole, which has no name. */
export const below = (field: string, issues: readonly Issue[]): Issue[] =>
  issues.map((issue) => ({ ...issue, field: [field, issue.field].filter((part) => part !== "").join(".") }));
