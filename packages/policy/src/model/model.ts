import type { Condition } from "../condition/condition.ts";

/** One permission of the tree, which includes all permissions below it. */
export interface PermissionNode {
  readonly value: string;
  readonly parent: string | null;
}

/** The type of an attribute. `address` is an IP address as text, `time` an ISO 8601 text or milliseconds since 1970. */
export type AttributeType = "text" | "number" | "boolean" | "time" | "address" | "texts" | "numbers";

/** The attributes of something by name. */
export type Attributes = Readonly<Record<string, AttributeType>>;

/**
 * The authorization model of an installation: a product's declaration of its resources, in addition to the permission tree.
 * JSON; `compilePolicy` checks all of it.
 */
export interface AuthorizationModel {
  /** Declared attributes by root. If a root is declared, a condition may name only its attributes; otherwise any. */
  readonly attributes?: {
    readonly user?: Attributes;
    readonly tenant?: Attributes;
    readonly request?: Attributes;
    readonly session?: Attributes;
  };
  readonly resourceTypes?: Readonly<Record<string, ResourceType>>;
  /** Further requirements of a permission, by its value; they also apply to all permissions below it. */
  readonly requirements?: Readonly<Record<string, Requirement>>;
}

export interface ResourceType {
  readonly attributes?: Attributes;
  readonly relations?: Readonly<Record<string, Relation>>;
  /** The permissions that relations to a resource of the type grant, by the permission's value. */
  readonly permissions?: Readonly<Record<string, PermissionRule>>;
}

export interface Relation {
  /**
   * The subjects that a relationship may put into the relation: `user`, `user:*` (all users of the tenant), `service`, `role`, another
   * type (`Zone`, to traverse it), or all subjects of another type's relation (`Group#member`).
   */
  readonly subjects?: readonly string[];
  /** Further subjects of the relation. */
  readonly from?: RelationExpression;
}

export interface PermissionRule {
  readonly allow?: RelationExpression;
  /** The subjects of this relation are denied, whatever else allows them. */
  readonly deny?: RelationExpression;
}

/** A set of subjects: of a relation of the same resource, of a relation of linked resources, or a combination of such sets. */
export type RelationExpression =
  | string
  | { readonly through: string; readonly relation: string }
  | { readonly any: readonly RelationExpression[] }
  | { readonly all: readonly RelationExpression[] }
  | { readonly base: RelationExpression; readonly except: RelationExpression };

export interface Requirement {
  readonly entitlements?: readonly EntitlementRule[];
  readonly session?: SessionRule;
}

/**
 * A feature that the tenant's plan must have (its entitlement is true, or a number above nought), or a limit that `current`,
 * a placeholder for a number, must be below.
 */
export type EntitlementRule = { readonly feature: string } | { readonly limit: string; readonly current: string };

export interface SessionRule {
  /** One of these must be among the methods that the session was begun with. */
  readonly anyMethod?: readonly string[];
  /** How long ago the sign-in may be at most. */
  readonly maxAgeSeconds?: number;
}

/** All further requirements of an action, including its ancestors'. */
export interface EffectiveRequirement {
  readonly entitlements: readonly EntitlementRule[];
  readonly sessions: readonly SessionRule[];
}

/** A permission that a role grants or denies. */
export interface RoleRule {
  readonly permission: string;
  readonly effect: "allow" | "deny";
  readonly condition?: Condition | null;
}
