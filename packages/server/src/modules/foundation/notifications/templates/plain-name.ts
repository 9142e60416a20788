/** Characters of a name that a mail shows: a longer one could carry a message. */
const shownMax = 60;

/** Characters that mail programs take for the dot of a host name (UTS 46 §4, and look-alikes). */
const dots = /[.\u2024\u3002\uFE52\uFF0E\uFF61](?=[^\s.])/gu;

/**
 * A name as mails show it: on one line, and without anything that a mail program turns into a link (decision 0042). Any user can choose a
 * name and have the product send it to others. `Dr.Smith` becomes `Dr. Smith`, `evil.example` becomes `evil. example`.
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
