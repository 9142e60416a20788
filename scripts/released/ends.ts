import { daysBetween, overlapDays } from "../../packages/server/src/operation/declaration/deprecation.ts";

/** The sunset of an operation in the API's description, or of an event's schema. */
export interface Ending {
  readonly deprecated?: unknown;
  /** `2027-06-01`: the first day on which it may be removed. */
  readonly "x-sunset"?: unknown;
}

const sunsetOf = ({ deprecated, "x-sunset": sunset }: Ending): string | undefined =>
  deprecated === true && typeof sunset === "string" ? sunset : undefined;

/** Reports a removal, unless the release announced it and its sunset has passed. */
export function gone(name: string, what: string, released: Ending, today: string): readonly string[] {
  const sunset = sunsetOf(released);
  if (sunset === undefined) return [`${name}: the ${what} is gone, and the release did not say that it would go`];
  return sunset <= today ? [] : [`${name}: the ${what} is gone, and the release promises it until ${sunset}`];
}

/** Reports an announced sunset that was moved earlier. */
export function hurried(name: string, released: Ending, present: Ending): readonly string[] {
  const [promised, now] = [sunsetOf(released), sunsetOf(present)];
  return promised === undefined || now === undefined || now >= promised
    ? []
    : [`${name}: may be gone from ${now} on, and the release promises it until ${promised}`];
}

/**
 * The sunsets that a release made today would announce too late. Callers learn of a sunset with that release, whatever the date of the
 * declaration, so the overlap is counted from the release.
 */
export function announcedLate(
  released: Readonly<Record<string, Ending>>,
  present: Readonly<Record<string, Ending>>,
  today: string,
): readonly string[] {
  return Object.entries(present).flatMap(([name, ending]) => {
    const sunset = sunsetOf(ending);
    if (sunset === undefined || sunsetOf(released[name] ?? {}) !== undefined) return [];
    const days = daysBetween(today, sunset);
    return days >= overlapDays ? [] : [`${name}: goes ${days} days after the release that first says so; ${overlapDays} is the least`];
  });
}

export const today = (): string => new Date().toISOString().slice(0, 10);
