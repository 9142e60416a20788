import type { Relation, RelationExpression } from "./model.ts";

/** A relation with its kinds of subjects separated. */
export interface PreparedRelation {
  readonly user: boolean;
  /** All users: `user:*`. */
  readonly anyone: boolean;
  readonly role: boolean;
  /** Sets of others: `Group#member`. */
  readonly sets: ReadonlySet<string>;
  /** Types of resources to go through. */
  readonly types: ReadonlySet<string>;
  readonly from: RelationExpression | undefined;
}

const own = new Set(["user", "user:*", "role"]);

export const prepare = ({ subjects = [], from }: Relation): PreparedRelation => ({
  user: subjects.includes("user"),
  anyone: subjects.includes("user:*"),
  role: subjects.includes("role"),
  sets: new Set(subjects.filter((subject) => subject.includes("#"))),
  types: new Set(subjects.filter((subject) => !subject.includes("#") && !own.has(subject))),
  from,
});
