import type { SessionFacts } from "@gatehouse/policy";
import type { IdentifiedPrincipal } from "#operation/declaration/principal.ts";

/** A principal lives as long as its credential is cached, so its set is made once. */
const sets = new WeakMap<readonly string[], ReadonlySet<string>>();

/** The permissions that the principal's credential is limited to, as the engine takes them; undefined where it has no limit. */
export function scopesOf({ credential: { scopes } }: IdentifiedPrincipal): ReadonlySet<string> | undefined {
  if (scopes === undefined) return undefined;
  let set = sets.get(scopes);
  if (set === undefined) {
    set = new Set(scopes);
    sets.set(scopes, set);
  }
  return set;
}

/** How the principal's holdings are asked for: as what it is, within the scopes of its credential. */
export const holderOf = (principal: IdentifiedPrincipal) => ({ kind: principal.kind, scopes: scopesOf(principal) });

/** `$session` of the principal: what its credential proves. */
export const sessionFactsOf = ({ credential: { id, authenticatedAt, methods } }: IdentifiedPrincipal): SessionFacts => ({
  id,
  authenticatedAt,
  methods,
});
