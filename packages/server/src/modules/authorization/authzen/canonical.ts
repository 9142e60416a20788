import { createHash } from "node:crypto";
import { refuseUnstorable } from "#operation/declaration/storable.ts";

/** One text for one value, in whatever order its members were written. */
function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_name, inner) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0)))
      : inner,
  );
}

/** Throws `common.validation_failed` for what is too deep to be walked. */
export function digestOf(value: unknown): string {
  refuseUnstorable(value);
  return createHash("sha256").update(canonicalText(value)).digest("base64url");
}
