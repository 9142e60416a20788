export interface Reference {
  readonly type: string;
  readonly id: string;
}

/** `Room:1` as the API has it. Only the first colon separates. */
export function refOf(text: string): Reference {
  const colon = text.indexOf(":");
  return { type: text.slice(0, colon), id: text.slice(colon + 1) };
}

/** `user:…`, or `Group:1#member` for a set of subjects. */
export function subjectOf(text: string): Reference & { readonly relation?: string } {
  const hash = text.lastIndexOf("#");
  return hash < 0 ? refOf(text) : { ...refOf(text.slice(0, hash)), relation: text.slice(hash + 1) };
}

/** The fields of a check that name a resource. */
export function on(resource: string): { readonly resourceType: string; readonly resourceId: string } {
  const { type, id } = refOf(resource);
  return { resourceType: type, resourceId: id };
}

/** A comparison, as rules and grants have it. */
export const compare = (left: unknown, operator: string, right: unknown) => ({ left, operator, right });
