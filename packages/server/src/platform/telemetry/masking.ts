/** Names of fields whose value never reaches a log. */
const secretName =
  /^(password|currentPassword|newPassword|token|secret|authorization|cookie|set-cookie|sessionToken|accessToken|refreshToken|apiKey|masterKey|sealed|hash|passwordHash)$/i;
/** Credentials of CONTRACT, JWTs and sealed values, wherever in a text they stand. */
const secretText = /\bgh[srk]_[\w-]{8,}|\beyJ[\w-]+\.[\w-]+\.[\w-]*|\bg1\.[\w-]{20,}|([?&](?:token|code|secret)=)[^&\s"']+/g;
const email = /([A-Za-z0-9])[A-Za-z0-9._%+-]*@([A-Za-z0-9.-]+\.[A-Za-z]{2,}|localhost)/g;
/** Credentials in a connection's address: `postgres://user:password@host`. */
const urlPassword = /(\w+:\/\/[^\s:/@]+):[^\s@/]+@/g;
const depthMax = 6;

/** A text without its secrets, and with its e-mail addresses cut to `a***@example.com` (S3 §18.1). */
export const maskText = (text: string): string =>
  text
    .replace(urlPassword, "$1:[secret]@")
    .replace(secretText, (_found, parameter: string | undefined) => `${parameter ?? ""}[secret]`)
    .replace(email, "$1***@$2");

/** A copy of `value` that may be logged. */
export function masked(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return maskText(value);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (depth === depthMax) return "[deep]";
  if (value instanceof Error) return maskedError(value, depth);
  if (Array.isArray(value)) return value.map((item) => masked(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, secretName.test(name) ? "[secret]" : masked(item, depth + 1)]),
  );
}

function maskedError(error: Error, depth: number): unknown {
  return {
    type: error.name,
    message: maskText(error.message),
    stack: maskText(error.stack ?? ""),
    ...("code" in error ? { code: error.code } : {}),
    ...(error.cause === undefined ? {} : { cause: masked(error.cause, depth + 1) }),
  };
}
