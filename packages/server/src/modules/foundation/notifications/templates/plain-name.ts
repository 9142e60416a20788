/** A mail says who somebody is, and no more: longer names are texts. */
const shownMax = 60;

/** What mail programs take for the dot of a host name (UTS 46 §4, and look-alikes). */
const dots = /[.\u2024\u3002\uFE52\uFF0E\uFF61](?=[^\s.])/gu;

/**
 * A name as mails show it. Anybody can name themselves or an organization, and have the product write to others: the name stays on its
 * line, and no mail program makes a link of it (decision 0042). `Dr.Smith` becomes `Dr. Smith`, `evil.example` `evil. example`.
 */
export function plainName(name: string): string {
  const line = name
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\u200B\u200E\u200F\u202A-\u202E\u2060-\u2069\uFEFF\s]+/gu, " ")
    .replace(/[:\uFE55\uFF1A]\s*(?=[/\\\u2044\u2215\uFF0F])/gu, ": ")
    .replace(/[/\\\u2044\u2215\uFF0F]{2,}/gu, "/ ")
    .replace(/\b(mailto|tel|sms|data|javascript):(?=\S)/giu, "$1: ")
    .replace(dots, ". ")
    .replace(/[@\uFE6B\uFF20](?=\S)/gu, "@ ")
    .trim();
  const characters = [...line];
  return characters.length <= shownMax
    ? line
    : `${characters
        .slice(0, shownMax - 1)
        .join("")
        .trimEnd()}…`;
}
