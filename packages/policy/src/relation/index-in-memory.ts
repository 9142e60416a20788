import type { Relationship, RelationshipReader, ResourceRef, SubjectRef } from "./relationship.ts";

/** An in-memory index of relationships for browsers, tests, and what-if evaluations. */
export class RelationshipIndex implements RelationshipReader {
  readonly #direct = new Map<string, Relationship[]>();
  readonly #indirect = new Map<string, Relationship[]>();
  readonly #reverse = new Map<string, Relationship[]>();

  constructor(relationships: Iterable<Relationship> = []) {
    for (const relationship of relationships) this.add(relationship);
  }

  add(relationship: Relationship): void {
    const { resource, relation, subject } = relationship;
    put(this.#direct, keyOf(resource.type, resource.id, relation, ...subjectFields(subject)), relationship);
    put(this.#reverse, keyOf(...subjectFields(subject), resource.type, relation), relationship);
    if (isIndirect(subject)) put(this.#indirect, keyOf(resource.type, resource.id, relation), relationship);
  }

  direct(resource: ResourceRef, relation: string, subject: SubjectRef): readonly Relationship[] {
    return this.#direct.get(keyOf(resource.type, resource.id, relation, ...subjectFields(subject))) ?? [];
  }

  indirect(resource: ResourceRef, relation: string): readonly Relationship[] {
    return this.#indirect.get(keyOf(resource.type, resource.id, relation)) ?? [];
  }

  reverse(subject: SubjectRef, type: string, relation: string): readonly Relationship[] {
    return this.#reverse.get(keyOf(...subjectFields(subject), type, relation)) ?? [];
  }
}

/** Whether a subject is neither a user nor a role, so that it must be traversed. */
export const isIndirect = (subject: SubjectRef): boolean => subject.type !== "user" && subject.type !== "role";

const subjectFields = ({ type, id, relation }: SubjectRef): [string, string, string] => [type, id, relation ?? ""];
/** Identifiers may contain any character, so the fields are separated by their lengths. */
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
