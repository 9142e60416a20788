import { readJson } from "#platform/json.ts";
import { asInvalid } from "../declaration/storable.ts";

/**
 * Reads JSON that somebody else has written. Throws a SyntaxError where it is none, and `common.validation_failed` where it
 * is too deep, names a prototype, or holds what cannot be stored.
 */
export const parseJson = (text: string): unknown => asInvalid(() => readJson(text));
