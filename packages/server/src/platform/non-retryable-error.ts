/** Thrown by a handler of a message or a job that no retry can help: it becomes a dead letter at once. */
export class NonRetryableError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "NonRetryableError";
  }
}
