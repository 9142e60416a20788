/**
 * Names of fields whose value never reaches a log, in small letters and without `-` and `_`: those that end in one of
 * the first, and those that are one of the second.
 */
const secretName =
  /(?:password|passphrase|passwd|secret|secrets|token|tokens|cookie|cookies|authorization|apikey|privatekey|masterkey|secretkey|encryptionkey|hash|credential|credentials|assertion|codeverifier|recoverycode|recoverycodes)$|^(?:otp|totp|pin|pwd|sealed|jwt)$/;

/** Parameters of an address or a form with such a value, plain or with an encoded `=`. */
const secretParameter =
  /((?:[?&#;]|%3f|%26|^|\s)(?:[\w-]*(?:token|secret|password|assertion|verifier|signature|api_?key)|code|state|otp)(?:=|%3d))(?!%3d)[^&\s"'#;]+/gi;
/** The same in JSON that stands in a text, with its quotes escaped or not. */
const secretMember =
  /(\\?"[\w-]*(?:token|secret|password|passphrase|api_?key|authorization|cookie)\\?"\s*:\s*)(?:\\?"(?:[^"\\]|\\[^"])*\\?"|\d+)/gi;
/** What a header carries behind its scheme (RFC 9110 §11.4). */
const secretHeader = /\b(Bearer|Basic|DPoP)\s+[\w.~+/=-]{6,}/gi;
/** The product's credentials (docs/contract.md), secrets of webhooks, JWTs and encrypted values: known by their form wherever they stand. */
const secretForm = /gh[srk]_[\w-]{8,}|whsec_[\w+/=-]{8,}|eyJ[\w-]{5,}\.[\w-]+\.[\w-]*|(?<![a-z\d])g1\.[\w-]{20,}/g;
const privateKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;
/** Credentials in an address: `postgres://user:password@host`, `redis://:password@host`, `https://token@host`. */
const addressPassword = /([a-z][a-z\d+.-]*:\/\/[^\s:/@?#"']*):[^\s/?#"']*@/gi;
const addressToken = /\b(https?:\/\/)[^\s:/@?#"']+@/gi;
/** Begins only where a word begins, so that a long text without any takes no longer than its length. */
const email = /(?<![\p{L}\p{N}._%+'-])([\p{L}\p{N}])[\p{L}\p{N}._+'-]*(@|%40)((?:[\p{L}\p{N}-]+\.)+\p{L}{2,}|localhost)/gu;

/** What is longer tells a log nothing more, and costs it more than it tells. */
const textMax = 16_000;
const depthMax = 6;
/** Fields of all depths together: an object that leads to half the process is not for a log. */
const fieldsMax = 500;

/** A text without its secrets, and with its e-mail addresses cut to `a***@example.com`. */
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

interface Place {
  readonly depth: number;
  readonly left: { fields: number };
}

function copied(value: unknown, place: Place): unknown {
  if (typeof value === "string") return maskText(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (value instanceof URL) return maskText(value.href);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (place.depth === depthMax || place.left.fields <= 0) return "[deep]";
  const inner = { depth: place.depth + 1, left: place.left };
  if (value instanceof Error) return copiedError(value, inner);
  if (Array.isArray(value) || value instanceof Set) return [...value].map((item) => counted(inner, () => copied(item, inner)));
  const entries = value instanceof Map ? [...value].map(([name, item]) => [String(name), item] as const) : members(value);
  return Object.fromEntries(entries.map(([name, item]) => [name, counted(inner, () => copiedField(name, item, inner))]));
}

/** Whether a field of this name holds what no log and no trail shows. */
export const isSecretName = (name: string): boolean => secretName.test(name.toLowerCase().replaceAll(/[-_]/g, ""));

function copiedField(name: string, value: unknown, place: Place): unknown {
  const isSecret = isSecretName(name);
  // That there is none, or whether there is one, may be known.
  if (!isSecret || value === null || value === undefined || typeof value === "boolean") return copied(value, place);
  return "[secret]";
}

function counted(place: Place, copy: () => unknown): unknown {
  place.left.fields -= 1;
  return place.left.fields < 0 ? "[deep]" : copy();
}

/** An object's own fields; one that throws when it is read must not end what is being logged. */
const members = (value: object): (readonly [string, unknown])[] =>
  Object.keys(value).map((name) => {
    try {
      return [name, (value as Record<string, unknown>)[name]] as const;
    } catch {
      return [name, "[unreadable]"] as const;
    }
  });

/** Name, message, stack, code and causes. Not what drivers hang onto an error: it holds rows and requests. */
function copiedError(error: Error, place: Place): unknown {
  return {
    type: error.name,
    message: maskText(error.message),
    stack: maskText(error.stack ?? ""),
    ...("code" in error ? { code: copied(error.code, place) } : {}),
    ...(error.cause === undefined ? {} : { cause: copied(error.cause, place) }),
    ...(error instanceof AggregateError ? { errors: copied(error.errors, place) } : {}),
  };
}
