import { Unavailable } from "#platform/unavailable.ts";
import type { Hints } from "./issue.ts";
import type { SigningKey } from "./jws.ts";
import type { KeySetCache } from "./key-set.ts";

/** What the issue of a token needs, prepared before the transaction. */
export interface Issuing {
  readonly key: SigningKey;
  readonly hints: Hints;
}

/** Who a token is for. */
interface Holder {
  readonly userId: string;
  readonly organizationId: string | null;
  /** The names of their roles. */
  readonly roles: readonly string[];
}

/** The decisions module's cached API, as far as hints need it. */
export interface PermissionReads {
  permissionsOf(
    userId: string,
    organizationId: string | null,
  ): Promise<{ readonly always: readonly string[]; readonly conditional: readonly string[] }>;
}

/** Reads the current signing key and the hints. Not to be called within a transaction: it may read in one of its own. */
export async function prepareIssue(keys: KeySetCache, decisions: PermissionReads, holder: Holder): Promise<Issuing> {
  const { current } = await keys.find();
  return { key: current(), hints: { roles: holder.roles, permissions: await permissionsOf(decisions, holder) } };
}

/** Undefined where they are unavailable now: hints must not prevent a sign-in. */
async function permissionsOf(decisions: PermissionReads, { userId, organizationId }: Holder): Promise<readonly string[] | undefined> {
  try {
    const { always, conditional } = await decisions.permissionsOf(userId, organizationId);
    return [...always, ...conditional].sort();
  } catch (error) {
    if (error instanceof Unavailable) return undefined;
    throw error;
  }
}

interface RoleReads {
  rolesOf(holderIds: readonly string[], organizationId: string | null): Promise<ReadonlyMap<string, readonly string[]>>;
  rolesByIds(ids: readonly string[]): Promise<readonly { readonly name: string }[]>;
}

/** The names of the roles that a user or service account has in the scope. */
export async function roleNames(access: RoleReads, holderId: string, organizationId: string | null): Promise<readonly string[]> {
  const ids = (await access.rolesOf([holderId], organizationId)).get(holderId) ?? [];
  return (await access.rolesByIds(ids)).map(({ name }) => name);
}
