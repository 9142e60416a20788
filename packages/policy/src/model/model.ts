import type { Condition } from "../condition/condition.ts";

/** One permission of the tree: to hold it is to hold everything below it. */
export interface PermissionNode {
  readonly value: string;
  readonly parent: string | null;
}

/** What an attribute holds. `address` is an IP address as text, `time` an ISO 8601 text or milliseconds since 1970. */
export type AttributeType = "text" | "number" | "boolean" | "time" | "address" | "texts" | "numbers";

/** The attributes of something by name. */
export type Attributes = Readonly<Record<string, AttributeType>>;

/**
 * The authorization model of an installation: what a product declares once about its resources, beside the permission tree.
 * JSON; `compilePolicy` checks all of it.
 */
export interface AuthorizationModel {
  /** Declared attributes. Where a part is declared, a condition may name only what stands there; else anything. */
  readonly attributes?: {
    readonly user?: Attributes;
    readonly tenant?: Attributes;
    readonly request?: Attributes;
    readonly session?: Attributes;
  };
  readonly resourceTypes?: Readonly<Record<string, ResourceType>>;
  /** What a permission needs beside being held, by its value; it holds for everything below it too. */
  readonly requirements?: Readonly<Record<string, Requirement>>;
}

export interface ResourceType {
  readonly attributes?: Attributes;
  readonly relations?: Readonly<Record<string, Relation>>;
  /** Which permissions follow from relations to one resource of the type, by the permission's value. */
  readonly permissions?: Readonly<Record<string, PermissionRule>>;
}

export interface Relation {
  /**
   * Who may be put into the relation by a relationship: `user`, `user:*` (every user of the tenant), `service`, `role`, another
   * type (`Zone`, to go through it), or all who stand in a relation of another type (`Group#member`).
   */
  readonly subjects?: readonly string[];
  /** Who stands in it beside those. */
  readonly from?: RelationExpression;
}

export interface PermissionRule {
  readonly allow?: RelationExpression;
  /** Who stands in this may not, whatever else allows it. */
  readonly deny?: RelationExpression;
}

/** Who: those in a relation of the same resource, in a relation of the resources that a relation leads to, or a set made of such sets. */
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

/** All that an action needs beside being held, its ancestors' requirements included. */
export interface EffectiveRequirement {
  readonly entitlements: readonly EntitlementRule[];
  readonly sessions: readonly SessionRule[];
}

/** A permission as a role gives it, or takes it away. */
export interface RoleRule {
  readonly permission: string;
  readonly effect: "allow" | "deny";
  readonly condition?: Condition | null;
}
