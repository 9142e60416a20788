// The words of the page's language (texts.ts, `browser`); the page carries them in an attribute of its body.
export const words = JSON.parse(document.body.dataset.words);

/** What an answer without success means, in a sentence. The server's own words where we have none for the code. */
export function sentenceFor(failure) {
  const said = words.codes[failure.code] ?? failure.message ?? words.unexpected;
  return failure.status >= 500 && failure.traceId ? `${said} ${words.reference} ${failure.traceId}` : said;
}

/** What is wrong with a field. `detail` is one of the error envelope's: the rule, and a sentence that may hold a number. */
export function sentenceForField(detail) {
  const number = /\d+/.exec(detail.message ?? "")?.[0];
  const known = words.rules[detail.rule];
  // "At least {n}" says nothing where the server named no number.
  if (known !== undefined && (number !== undefined || !known.includes("{n}"))) return known.replace("{n}", number);
  const said = detail.message ?? words.rules.other;
  return said.charAt(0).toUpperCase() + said.slice(1);
}
