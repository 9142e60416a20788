import type { SessionFacts } from "@gatehouse/policy";
import type { IdentifiedPrincipal } from "#operation/declaration/principal.ts";

/** One set per cached credential: the array lives as long as the principal. */
const sets = new WeakMap<readonly string[], ReadonlySet<string>>();

/** The permissions to which the principal's credential is limited; undefined without a limit. */
export function scopesOf({ credential: { scopes } }: IdentifiedPrincipal): ReadonlySet<string> | undefined {
  if (scopes === undefined) return undefined;
  let set = sets.get(scopes);
  if (set === undefined) {
    set = new Set(scopes);
    sets.set(scopes, set);
  }
  return set;
}

/** The principal as a holder of permissions, within the scopes of its credential. */
export const holderOf = (principal: IdentifiedPrincipal) => ({ kind: principal.kind, scopes: scopesOf(principal) });

/** `$session` of the principal, from its credential. */
export const sessionFactsOf = ({ credential: { id, authenticatedAt, methods }, actor }: IdentifiedPrincipal): SessionFacts => ({
  id,
  authenticatedAt,
  methods,
  actor: actor && `${actor.kind}:${actor.id}`,
});
