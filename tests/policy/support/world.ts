import type { AuthorizationModel, PermissionNode, Relationship, RoleRule } from "../../../packages/policy/src/index.ts";

/**
 * The plain data that the corpus and the generators describe. The engine and the naive evaluator both receive it, and nothing that the
 * other derived from it.
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
    /** Absent for a user. */
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
  /** Undefined without a membership; an unknown role is undefined. */
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

/** The sorted fields of an error; undefined if the surface does not name them. */
export type Answer =
  | { readonly allowed: boolean; readonly reason: string }
  | { readonly error: string; readonly fields: readonly string[] | undefined };
