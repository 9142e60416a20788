import { isOpenidScope, openidScopes } from "../model.ts";
import { type ProtocolDependencies, reading } from "./dependencies.ts";

/** A scope as a user sees it. `description` is null where the scope has none; pages have words for those of OpenID Connect. */
export interface ScopeDescription {
  readonly value: string;
  readonly description: string | null;
}

interface MissingScopes {
  readonly missingOIDCScope?: readonly string[];
  readonly missingResourceScopes?: Readonly<Record<string, readonly string[]>>;
}

/** The scopes that a consent is about: those that were asked for and not decided yet. */
export function missingScopes(details: Readonly<Record<string, unknown>>): readonly string[] {
  const { missingOIDCScope = [], missingResourceScopes = {} } = details as MissingScopes;
  return [...new Set([...missingOIDCScope, ...Object.values(missingResourceScopes).flat()])];
}

/** The resources that a consent is about. */
export const missingResources = (details: Readonly<Record<string, unknown>>): readonly string[] =>
  Object.keys((details as MissingScopes).missingResourceScopes ?? {});

export async function describeScopes(dependencies: ProtocolDependencies, scopes: readonly string[]): Promise<readonly ScopeDescription[]> {
  const permissions = scopes.filter((scope) => !isOpenidScope(scope));
  const described = permissions.length === 0 ? new Map() : await reading(dependencies, ({ access }) => access.descriptionsOf(permissions));
  const ordered = [...openidScopes.filter((scope) => scopes.includes(scope)), ...permissions];
  return ordered.map((value) => ({ value, description: described.get(value) ?? null }));
}
