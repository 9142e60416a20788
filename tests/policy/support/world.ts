import type { AuthorizationModel, PermissionNode, Relationship, RoleRule } from "../../../packages/policy/src/index.ts";

/**
 * What the corpus and the generators describe: plain data, before the engine has seen any of it. The engine and the naive
 * evaluator are each given this and nothing that the other has made of it.
 */
export interface World {
  readonly permissions: readonly PermissionNode[];
  readonly model: AuthorizationModel;
  readonly relationships: readonly Relationship[];
}

export type Attributes = Readonly<Record<string, unknown>>;

export interface Role {
  readonly id: string;
  readonly name: string;
  readonly rules: readonly RoleRule[];
}

export interface Subject {
  readonly user: {
    readonly id: string;
    /** Absent: a user. */
    readonly kind?: "service";
    readonly status: string | undefined;
    readonly attributes: Attributes;
  };
  readonly tenant: {
    readonly id: string | null;
    readonly status: string | undefined;
    readonly attributes: Attributes;
    readonly entitlements: Attributes | undefined;
  };
  /** Undefined without a membership; a role of which nothing is known is undefined. */
  readonly roles: readonly (Role | undefined)[] | undefined;
}

export interface Question {
  readonly subject: Subject;
  readonly action: string;
  readonly resource: { readonly type?: string | undefined; readonly id?: string | undefined; readonly attributes?: Attributes } | undefined;
  readonly request: Attributes | undefined;
  readonly session: Attributes | undefined;
  readonly scopes: readonly string[] | undefined;
  readonly now: number;
}

/** An error's fields are sorted; undefined where whoever answered does not name them. */
export type Answer =
  | { readonly allowed: boolean; readonly reason: string }
  | { readonly error: string; readonly fields: readonly string[] | undefined };
