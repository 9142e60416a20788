/** A filter that cannot become SQL: what it names is not mapped, or the column could not answer as the object would. */
export class FilterError extends Error {
  override readonly name = "FilterError";
}
