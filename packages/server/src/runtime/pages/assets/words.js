// The texts of the page's language (texts.ts, `browser`), from an attribute of the page's body.
export const words = JSON.parse(document.body.dataset.words);

/** A sentence for a failure; the server's message where there is none for the code. */
export function sentenceFor(failure) {
  const said = [words.codes[failure.code] ?? failure.message ?? words.unexpected];
  if (failure.retryAfterSeconds > 0) said.push(words.again.replace("{time}", durationOf(failure.retryAfterSeconds)));
  if (failure.status >= 500 && failure.traceId) said.push(words.reference, failure.traceId);
  return said.join(" ");
}

/** Above two minutes nobody waits by the second. */
function durationOf(seconds) {
  const [count, unit] = seconds < 120 ? [seconds, "second"] : [Math.ceil(seconds / 60), "minute"];
  return new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit, unitDisplay: "long" }).format(count);
}

/** A sentence for an invalid field. `detail` is one of the error envelope's: the rule, and a sentence that may contain a number. */
export function sentenceForField(detail) {
  const number = /\d+/.exec(detail.message ?? "")?.[0];
  const known = words.rules[detail.rule];
  // "At least {n}" needs a number in the server's sentence.
  if (known !== undefined && (number !== undefined || !known.includes("{n}"))) return known.replace("{n}", number);
  const said = detail.message ?? words.rules.other;
  return said.charAt(0).toUpperCase() + said.slice(1);
}
