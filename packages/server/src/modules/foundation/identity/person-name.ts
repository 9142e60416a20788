import { type ErrorDetail, invalid } from "#operation/declaration/errors.ts";

/** A control character or line break, a scheme with its slashes, `www.`, or a host name with a path or port behind it. */
const notAName =
  /[\p{Cc}\p{Zl}\p{Zp}]|[:\uFF1A]\s*[/\\\uFF0F]{2}|\bwww[.\uFF0E\u3002]|[\p{L}\p{N}][.\uFF0E\u3002][\p{L}\p{N}-]{2,}[/\uFF0F?#:]/iu;

/**
 * Rejects new names with line breaks, control characters or links: names appear in mails to others and in lists (decision 0042). Stored
 * names are returned unchanged. Throws `common.validation_failed`.
 */
export function rejectInvalidNames(names: { readonly firstName?: string; readonly lastName?: string }): void {
  const details = (["firstName", "lastName"] as const).flatMap((field): ErrorDetail[] =>
    notAName.test((names[field] ?? "").normalize("NFKC"))
      ? [{ field, rule: "person_name", message: "must be a name, without line breaks, control characters and links" }]
      : [],
  );
  if (details.length > 0) throw invalid(...details);
}
