import { maskText } from "./telemetry/masking.ts";

/** An operator reads the text in a list. A driver's message may quote a whole row. */
const lengthMax = 2_000;

/**
 * The text of a failure as a dead letter stores it: secrets masked, without NUL and unpaired surrogates, which
 * PostgreSQL rejects. A failure that cannot be stored would block its queue.
 */
export const failureText = (error: unknown): string =>
  maskText(error instanceof Error ? error.message : String(error))
    .slice(0, lengthMax)
    .replaceAll("\u0000", "\uFFFD")
    .toWellFormed();
