/** One issue in a definition or an input: its path, the broken rule and a sentence. Never the value. */
export interface Issue {
  readonly field: string;
  readonly rule: string;
  readonly message: string;
}

export type PolicyErrorCode =
  /** An invalid model, role rule or relationship. */
  | "invalid_definition"
  /** Placeholders that the decision needs are missing or of the wrong type. */
  | "invalid_input"
  | "unknown_permission"
  | "unknown_resource_type"
  | "unknown_relation"
  /** The relationships are too deep or too many for a decision in bounded time. */
  | "evaluation_limit";

/** Every error of the engine. An unknown name or an invalid input is never a silent denial. */
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

/** Prefixes the paths of issues with `field`; either path may be empty for the whole value. */
export const below = (field: string, issues: readonly Issue[]): Issue[] =>
  issues.map((issue) => ({ ...issue, field: [field, issue.field].filter((part) => part !== "").join(".") }));
