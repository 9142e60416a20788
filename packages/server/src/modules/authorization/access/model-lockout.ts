import type { AuthorizationModel, Requirement } from "@gatehouse/policy";
import type { ErrorDetail } from "#operation/declaration/errors.ts";
import { manageModel } from "./system.ts";

/** The shortest session age that a requirement on replacing the model may demand: the time from sign-in to the change. */
const ageSecondsMin = 60;

/** The permission and its parent, whose requirement applies to it as well. */
const lineage = [manageModel, "Authorization"];

type Requirements = Pick<Requirement, "entitlements"> & { readonly sessions: readonly NonNullable<Requirement["session"]>[] };

/**
 * Whether every holder can meet the requirements by signing in again. An unavailable sign-in method would lock all of them out of replacing
 * the model. So would an entitlement, because the internal scope has none.
 */
export const canBeMetBySigningIn = ({ entitlements = [], sessions }: Requirements): boolean =>
  entitlements.length === 0 &&
  sessions.every(({ anyMethod, maxAgeSeconds = ageSecondsMin }) => anyMethod === undefined && maxAgeSeconds >= ageSecondsMin);

/** The requirements of a model that would lock out everyone who may replace it. */
export function lockoutsOf({ requirements = {} }: AuthorizationModel): ErrorDetail[] {
  return lineage.flatMap((permission) => {
    const { entitlements = [], session } = Object.hasOwn(requirements, permission) ? (requirements[permission] as Requirement) : {};
    if (canBeMetBySigningIn({ entitlements, sessions: session ? [session] : [] })) return [];
    const message = `may require nothing but a sign-in within ${ageSecondsMin} seconds or more: any other requirement could lock every administrator out`;
    return [{ field: `model.requirements.${permission}`, rule: "recoverable", message }];
  });
}
