import { readJson } from "#platform/json.ts";
import { asInvalid } from "../declaration/storable.ts";

/**
 * Parses untrusted JSON. Throws a SyntaxError where it is malformed, and `common.validation_failed` where it is too deep, names a
 * prototype or contains text that cannot be stored.
 */
export const parseJson = (text: string): unknown => asInvalid(() => readJson(text));
