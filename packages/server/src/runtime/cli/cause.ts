/** Why something failed, for people. A host of several addresses is refused by each of them, in an error without a message of its own. */
export function causeOf(error: Error): string {
  const cause = error.cause instanceof Error ? error.cause : error;
  if (cause instanceof AggregateError) return cause.errors.map((each: Error) => each.message).join(", ");
  return cause.message;
}
