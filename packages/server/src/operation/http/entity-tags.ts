/** An entity tag (RFC 9110 §8.8.3). */
export interface EntityTag {
  readonly weak: boolean;
  /** The text between the quotes. */
  readonly opaque: string;
}

/** Parses `If-Match` or `If-None-Match`: `*`, or a list of entity tags. Undefined where it is neither. */
export function parseEntityTags(header: string): "*" | readonly EntityTag[] | undefined {
  if (header.trim() === "*") return "*";
  const tags: EntityTag[] = [];
  // A list may have empty elements (RFC 9110 §5.6.1.2). An opaque tag may contain commas, so the list is parsed, not split.
  const element = /[\t ]*(?:(W\/)?"([\x21\x23-\x7e\x80-\xff]*)")?[\t ]*(?:,|$)/y;
  while (element.lastIndex < header.length) {
    const found = element.exec(header);
    if (found === null) return undefined;
    if (found[2] !== undefined) tags.push({ weak: found[1] !== undefined, opaque: found[2] });
  }
  return tags.length === 0 ? undefined : tags;
}

/**
 * Whether `If-None-Match` matches the tag, so that the answer is 304. Compares weakly (RFC 9110 §13.1.2): tags that differ only in `W/`
 * match. A malformed header matches nothing.
 */
export function isKnownToClient(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  const tags = parseEntityTags(ifNoneMatch);
  if (tags === undefined || tags === "*") return tags === "*";
  const opaque = etag.replace(/^W\//, "").slice(1, -1);
  return tags.some((tag) => tag.opaque === opaque);
}
