import type { ResourceType } from "./model.ts";

type Types = Readonly<Record<string, ResourceType>>;

/** Kinds of subjects that are not resources: their names cannot be those of resource types. */
export const builtInSubjects = ["user", "service", "role"] as const;

type BuiltInSubject = (typeof builtInSubjects)[number];

const kinds = "user, user:*, service, role, a declared resource type, or Type#relation";

/** Why a resource type cannot have a reserved name; undefined for any other name. */
export function whyReserved(name: string): string | undefined {
  if (!builtInSubjects.includes(name as never)) return undefined;
  const own = { user: "Person or Account", service: "Program or Component", role: "Team or Position" }[name as BuiltInSubject];
  return `is reserved: ${name} is a kind of subject that the product knows itself; give the resource type another name, like ${own}`;
}

/** Why a relation cannot accept a kind of subject; undefined if it can. */
export function whyNoSubject(subject: string, types: Types): string | undefined {
  if (subject === "user:*" || builtInSubjects.includes(subject as BuiltInSubject)) return undefined;
  const [type, relation, ...rest] = subject.split("#") as [string, string | undefined];
  const known = Object.hasOwn(types, type);
  if (rest.length > 0) return `has more than one #; it is none of ${kinds}`;
  if (type.endsWith(":*")) return `is for users alone: only user:* stands for everybody; it is none of ${kinds}`;
  if (builtInSubjects.includes(type as never)) return `names a relation of ${type}, which has none; it is none of ${kinds}`;
  if (!known) return `names ${type}, which resourceTypes does not declare${nearest(type, types)}; it is none of ${kinds}`;
  if (relation === undefined || Object.hasOwn(types[type]?.relations ?? {}, relation)) return undefined;
  return `names ${relation}, which is no relation of ${type}`;
}

/** A name that differs only in case is a common mistake. */
function nearest(type: string, types: Types): string {
  const found = [...builtInSubjects, ...Object.keys(types)].find((name) => name.toLowerCase() === type.toLowerCase());
  return found === undefined ? "" : ` (${found} is meant?)`;
}
