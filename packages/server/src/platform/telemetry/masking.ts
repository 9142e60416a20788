/**
 * Names of fields whose value is never logged, in lower case and without `-` and `_`: names that end in one of
 * the first alternatives, and names that equal one of the second.
 */
const secretName =
  /(?:password|passphrase|passwd|secret|secrets|token|tokens|cookie|cookies|authorization|apikey|privatekey|masterkey|secretkey|encryptionkey|hash|credential|credentials|assertion|codeverifier|recoverycode|recoverycodes)$|^(?:otp|totp|pin|pwd|sealed|jwt)$/;

/** Parameters of a URL or a form with a secret value, with a plain or an encoded `=`. */
const secretParameter =
  /((?:[?&#;]|%3f|%26|^|\s)(?:[\w-]*(?:token|secret|password|assertion|verifier|signature|api_?key)|code|state|otp)(?:=|%3d))(?!%3d)[^&\s"'#;]+/gi;
/** The same in JSON inside a text, with escaped or plain quotes. */
const secretMember =
  /(\\?"[\w-]*(?:token|secret|password|passphrase|api_?key|authorization|cookie)\\?"\s*:\s*)(?:\\?"(?:[^"\\]|\\[^"])*\\?"|\d+)/gi;
/** Credentials in a header, after the scheme (RFC 9110, 11.4). */
const secretHeader = /\b(Bearer|Basic|DPoP)\s+[\w.~+/=-]{6,}/gi;
/** The product's credentials (docs/contract.md), webhook secrets, JWTs and encrypted values, recognized by their form anywhere. */
const secretForm = /gh[srkc]_[\w-]{8,}|whsec_[\w+/=-]{8,}|eyJ[\w-]{5,}\.[\w-]+\.[\w-]*|(?<![a-z\d])g[12]\.(?:[\w-]+\.)?[\w-]{20,}/g;
const privateKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;
/** Credentials in a URL: `postgres://user:password@host`, `redis://:password@host`, `https://token@host`. */
const addressPassword = /([a-z][a-z\d+.-]*:\/\/[^\s:/@?#"']*):[^\s/?#"']*@/gi;
const addressToken = /\b(https?:\/\/)[^\s:/@?#"']+@/gi;
/** Matches only at the begin of a word, so that the time is linear in a long text without addresses. */
const email = /(?<![\p{L}\p{N}._%+'-])([\p{L}\p{N}])[\p{L}\p{N}._+'-]*(@|%40)((?:[\p{L}\p{N}-]+\.)+\p{L}{2,}|localhost)/gu;

/** Longer texts are truncated, because the rest is not worth its cost. */
const textMax = 16_000;
const depthMax = 6;
/** The maximum number of fields over all depths, because an object may refer to half of the process. */
const fieldsMax = 500;

/** Masks secrets in a text, and shortens e-mail addresses to `a***@example.com`. */
export function maskText(text: string): string {
  const short = text.length > textMax ? `${text.slice(0, textMax)}… (${text.length - textMax} more characters)` : text;
  return short
    .replace(privateKey, "[secret]")
    .replace(addressPassword, "$1:[secret]@")
    .replace(addressToken, "$1[secret]@")
    .replace(secretForm, "[secret]")
    .replace(secretHeader, "$1 [secret]")
    .replace(secretMember, '$1"[secret]"')
    .replace(secretParameter, "$1[secret]")
    .replace(email, "$1***$2$3");
}

/** A copy of `value` that may be logged. */
export const masked = (value: unknown): unknown => copied(value, { depth: 0, left: { fields: fieldsMax } });

interface Traversal {
  readonly depth: number;
  readonly left: { fields: number };
}

function copied(value: unknown, at: Traversal): unknown {
  if (typeof value === "string") return maskText(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (value instanceof URL) return maskText(value.href);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (at.depth === depthMax || at.left.fields <= 0) return "[deep]";
  const inner = { depth: at.depth + 1, left: at.left };
  if (value instanceof Error) return copiedError(value, inner);
  if (Array.isArray(value) || value instanceof Set) return [...value].map((item) => counted(inner, () => copied(item, inner)));
  const entries = value instanceof Map ? [...value].map(([name, item]) => [String(name), item] as const) : members(value);
  return Object.fromEntries(entries.map(([name, item]) => [name, counted(inner, () => copiedField(name, item, inner))]));
}

/** Whether a field of this name has a secret value, which is in no log and no audit record. */
export const isSecretName = (name: string): boolean => secretName.test(name.toLowerCase().replaceAll(/[-_]/g, ""));

function copiedField(name: string, value: unknown, at: Traversal): unknown {
  const isSecret = isSecretName(name);
  // Whether there is a secret may be known.
  if (!isSecret || value === null || value === undefined || typeof value === "boolean") return copied(value, at);
  return "[secret]";
}

function counted(at: Traversal, copy: () => unknown): unknown {
  at.left.fields -= 1;
  return at.left.fields < 0 ? "[deep]" : copy();
}

/** An object's own fields. A getter that throws must not prevent logging. */
const members = (value: object): (readonly [string, unknown])[] =>
  Object.keys(value).map((name) => {
    try {
      return [name, (value as Record<string, unknown>)[name]] as const;
    } catch {
      return [name, "[unreadable]"] as const;
    }
  });

/** Copies name, message, stack, code and causes, but no fields that drivers add, because these contain rows and requests. */
function copiedError(error: Error, at: Traversal): unknown {
  return {
    type: error.name,
    message: maskText(error.message),
    stack: maskText(error.stack ?? ""),
    ...("code" in error ? { code: copied(error.code, at) } : {}),
    ...(error.cause === undefined ? {} : { cause: copied(error.cause, at) }),
    ...(error instanceof AggregateError ? { errors: copied(error.errors, at) } : {}),
  };
}
