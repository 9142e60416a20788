import type { Relation, RelationExpression } from "./model.ts";
import { builtInSubjects } from "./subject-kinds.ts";

/** A relation with its kinds of subjects separated. */
export interface PreparedRelation {
  readonly user: boolean;
  /** Service accounts. `user:*` does not include them. */
  readonly service: boolean;
  /** All users: `user:*`. */
  readonly anyone: boolean;
  readonly role: boolean;
  /** Sets of others: `Group#member`. */
  readonly sets: ReadonlySet<string>;
  /** Types of resources to go through. */
  readonly types: ReadonlySet<string>;
  readonly from: RelationExpression | undefined;
}

const own: ReadonlySet<string> = new Set([...builtInSubjects, "user:*"]);

/** `isType` tells the declared resource types: a model that predates the built-in kind `service` may declare a type of that name. */
export function prepare({ subjects = [], from }: Relation, isType: (name: string) => boolean): PreparedRelation {
  const types = subjects.filter((subject) => !subject.includes("#") && (!own.has(subject) || isType(subject)));
  return {
    user: subjects.includes("user"),
    service: subjects.includes("service") && !types.includes("service"),
    anyone: subjects.includes("user:*"),
    role: subjects.includes("role"),
    sets: new Set(subjects.filter((subject) => subject.includes("#"))),
    types: new Set(types),
    from,
  };
}
