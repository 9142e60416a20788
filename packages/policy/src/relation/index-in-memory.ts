import type { Relationship, RelationshipReader, ResourceRef, SubjectRef } from "./relationship.ts";

/** Relationships in memory, every look-up by a key: for a browser, tests, and what-if questions. */
export class RelationshipIndex implements RelationshipReader {
  readonly #direct = new Map<string, Relationship[]>();
  readonly #indirect = new Map<string, Relationship[]>();
  readonly #reverse = new Map<string, Relationship[]>();

  constructor(relationships: Iterable<Relationship> = []) {
    for (const relationship of relationships) this.add(relationship);
  }

  add(relationship: Relationship): void {
    const { resource, relation, subject } = relationship;
    put(this.#direct, keyOf(resource.type, resource.id, relation, ...subjectParts(subject)), relationship);
    put(this.#reverse, keyOf(...subjectParts(subject), resource.type, relation), relationship);
    if (isIndirect(subject)) put(this.#indirect, keyOf(resource.type, resource.id, relation), relationship);
  }

  direct(resource: ResourceRef, relation: string, subject: SubjectRef): readonly Relationship[] {
    return this.#direct.get(keyOf(resource.type, resource.id, relation, ...subjectParts(subject))) ?? [];
  }

  indirect(resource: ResourceRef, relation: string): readonly Relationship[] {
    return this.#indirect.get(keyOf(resource.type, resource.id, relation)) ?? [];
  }

  reverse(subject: SubjectRef, type: string, relation: string): readonly Relationship[] {
    return this.#reverse.get(keyOf(...subjectParts(subject), type, relation)) ?? [];
  }
}

/** A subject that is neither a user nor a role: it leads on. */
export const isIndirect = (subject: SubjectRef): boolean => subject.type !== "user" && subject.type !== "role";

const subjectParts = ({ type, id, relation }: SubjectRef): [string, string, string] => [type, id, relation ?? ""];
/** Identifiers may hold anything, so the parts are told apart by their lengths and not by a separator. */
function keyOf(...parts: readonly string[]): string {
  let key = "";
  for (const part of parts) key += `${part.length}:${part}`;
  return key;
}

function put(index: Map<string, Relationship[]>, key: string, relationship: Relationship): void {
  const list = index.get(key);
  if (list) list.push(relationship);
  else index.set(key, [relationship]);
}
