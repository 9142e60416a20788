import { issuesOfDates } from "./deprecation.ts";
import type { EventDefinition } from "./event.ts";
import type { Operation } from "./operation.ts";

/** The major version at the end of an operation's name: `library.getBook.v2`. A name without one has version 1. */
export const majorOf = (name: string): number => Number(/\.v(\d+)$/.exec(name)?.[1] ?? 1);

/** The common name of all versions of an operation. They share one rate limit. */
export const familyOf = (name: string): string => name.replace(/\.v\d+$/, "");

/** The major version in a route; undefined where the route has none (AuthZEN, `/.well-known`). */
const majorOfRoute = (http: string): number | undefined => {
  const found = /^\w+ \/api\/v(\d+)\//.exec(http)?.[1];
  return found === undefined ? undefined : Number(found);
};

/** The issues of an operation's version and of its deprecation. */
export function issuesOfVersion(operation: Operation, byName: ReadonlyMap<string, Operation>): readonly string[] {
  return [...issuesOfRoute(operation), ...issuesOfLimit(operation, byName), ...issuesOfDeprecation(operation, byName)];
}

function issuesOfRoute({ name, http }: Operation): readonly string[] {
  const route = http === undefined ? undefined : majorOfRoute(http);
  const named = majorOf(name);
  return route === undefined || route === named ? [] : [`is version ${named} by its name and version ${route} by its route`];
}

/** A version with its own limit would double what a caller may do. */
function issuesOfLimit({ name, limit }: Operation, byName: ReadonlyMap<string, Operation>): readonly string[] {
  const first = byName.get(familyOf(name));
  if (first === undefined || first.name === name) return [];
  const [one, other] = [limit, first.limit];
  return one?.points === other?.points && one?.seconds === other?.seconds ? [] : [`has another limit than ${first.name}`];
}

function issuesOfDeprecation({ name, http, deprecated }: Operation, byName: ReadonlyMap<string, Operation>): readonly string[] {
  if (deprecated === undefined) return [];
  const issues = [...issuesOfDates(deprecated)];
  if (http === undefined) issues.push("is deprecated and has no route: no client calls it");
  if (deprecated.replacedBy === undefined) return issues;
  const successor = byName.get(deprecated.replacedBy);
  if (successor === undefined || successor.http === undefined) {
    issues.push(`is replaced by ${deprecated.replacedBy}, which is no operation with a route`);
  } else if (successor.deprecated !== undefined || successor.name === name) {
    issues.push(`is replaced by ${deprecated.replacedBy}, which is deprecated itself`);
  }
  return issues;
}

/** The issues of an event's deprecation. */
export function issuesOfEvent({ subject, tenant, deprecated }: EventDefinition, events: readonly EventDefinition[]): readonly string[] {
  if (deprecated === undefined) return [];
  const issues = [...issuesOfDates(deprecated)];
  const { replacedBy, from } = deprecated;
  if ((replacedBy === undefined) !== (from === undefined)) {
    issues.push("is deprecated and declares only one of its replacement and how it is derived from that, not both");
  }
  if (replacedBy === undefined) return issues;
  const successor = events.find((event) => event.type === replacedBy);
  if (successor === undefined) issues.push(`is replaced by ${replacedBy}, which is no event`);
  else if (successor.deprecated !== undefined) issues.push(`is replaced by ${replacedBy}, which is deprecated itself`);
  // Messages are ordered by subject, and row-level security goes by the tenant: both versions must have the same.
  else if (successor.subject[0] !== subject[0] || (successor.tenant === undefined) !== (tenant === undefined)) {
    issues.push(`is replaced by ${replacedBy}, which is about another kind of subject or tenant`);
  }
  return issues;
}
