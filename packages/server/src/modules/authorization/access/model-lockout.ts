import type { AuthorizationModel, Requirement } from "@gatehouse/policy";
import type { ErrorDetail } from "#operation/declaration/errors.ts";
import { manageModel } from "./system.ts";

/** Whoever may replace the model needs this long from the sign-in to the change. */
const ageSecondsMin = 60;

/** A parent's requirement counts for what is below it. */
const lineage = [manageModel, "Authorization"];

type Requirements = Pick<Requirement, "entitlements"> & { readonly sessions: readonly NonNullable<Requirement["session"]>[] };

/**
 * Whether every holder can meet the requirements by signing in once more. A sign-in method that nobody has, or an entitlement, which the
 * internal scope has none of, would keep everybody from ever replacing the model again.
 */
export const canBeMetBySigningIn = ({ entitlements = [], sessions }: Requirements): boolean =>
  entitlements.length === 0 &&
  sessions.every(({ anyMethod, maxAgeSeconds = ageSecondsMin }) => anyMethod === undefined && maxAgeSeconds >= ageSecondsMin);

/** The requirements of a model that would shut out those who may replace it. */
export function lockoutsOf({ requirements = {} }: AuthorizationModel): ErrorDetail[] {
  return lineage.flatMap((permission) => {
    const { entitlements = [], session } = Object.hasOwn(requirements, permission) ? (requirements[permission] as Requirement) : {};
    if (canBeMetBySigningIn({ entitlements, sessions: session ? [session] : [] })) return [];
    const message = `may require nothing but a sign-in of the last ${ageSecondsMin} seconds or more: else nobody could replace the model again`;
    return [{ field: `model.requirements.${permission}`, rule: "recoverable", message }];
  });
}
