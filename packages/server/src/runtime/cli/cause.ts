/** The cause of an error in words. A host with several addresses fails once for each, in an aggregate error without a message. */
export function causeOf(error: Error): string {
  const cause = error.cause instanceof Error ? error.cause : error;
  if (cause instanceof AggregateError) return cause.errors.map((each: Error) => each.message).join(", ");
  return cause.message;
}
