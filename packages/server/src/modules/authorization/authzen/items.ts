import { inputCheck } from "#operation/kernel/validate.ts";
import { type Decision, orThrown } from "./decision.ts";
import { Evaluation } from "./entities.ts";

/** Throws `common.validation_failed` with the paths at which an evaluation is incomplete or invalid. */
export const checkWhole = inputCheck(Evaluation);

export type Defaults = { readonly [Name in keyof Evaluation]?: unknown };

type Members = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Members => typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Completes an item of `evaluations` with the defaults of the request (7.1.1). A member of the item replaces the default member, its
 * properties included; only a missing `type`, `id` or `name` is taken from the default. An item that is still incomplete is denied and
 * does not affect the others (7.2.1).
 */
export function completed(item: unknown, defaults: Defaults): Evaluation | Decision {
  const given = isObject(item) ? item : {};
  const merged = isObject(item)
    ? {
        subject: entity(given["subject"], defaults.subject),
        action: entity(given["action"], defaults.action),
        resource: entity(given["resource"], defaults.resource),
        context: given["context"] ?? defaults.context,
      }
    : {};
  try {
    const present = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined));
    checkWhole(ownOf(present, defaults));
    return present as unknown as Evaluation;
  } catch (error) {
    return orThrown(error);
  }
}

const keys = ["type", "id", "name"] as const;

/**
 * The members of an evaluation that must be validated. The properties of defaults were validated with the request. They may be as large as
 * its body and are not validated again for each of a thousand evaluations.
 */
function ownOf(present: Members, defaults: Defaults): Record<string, unknown> {
  const own: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(present)) {
    if (value !== defaults[name as keyof Defaults] || !isObject(value)) own[name] = value;
    else if (name !== "context")
      own[name] = Object.fromEntries(keys.filter((key) => value[key] !== undefined).map((key) => [key, value[key]]));
  }
  return own;
}

function entity(given: unknown, fallback: unknown): unknown {
  if (given === undefined || given === null) return fallback ?? undefined;
  if (!isObject(given) || !isObject(fallback)) return given;
  const filled: Record<string, unknown> = { ...given };
  for (const key of keys) if ((filled[key] ?? null) === null && fallback[key] != null) filled[key] = fallback[key];
  return filled;
}
