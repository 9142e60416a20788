import { createHash } from "node:crypto";
import { refuseUnstorable } from "#operation/declaration/storable.ts";

/** Serializes a value with sorted members, so that equal values have equal texts. */
function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_name, inner) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0)))
      : inner,
  );
}

/** Hashes a value without regard to the order of its members. Throws `common.validation_failed` if it is nested too deeply. */
export function digestOf(value: unknown): string {
  refuseUnstorable(value);
  return createHash("sha256").update(canonicalText(value)).digest("base64url");
}
