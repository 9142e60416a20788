/** A filter that cannot be converted to SQL: an attribute has no column, or the column could not compare like the object. */
export class FilterError extends Error {
  override readonly name = "FilterError";
}
