import type { ErrorDefinition } from "#operation/declaration/errors.ts";
import { html } from "./html.ts";
import type { Page } from "./page.ts";
import type { Texts } from "./texts.ts";

/** Explains an error of the API; the `docs` of every error point here. The message stays in the API's language. */
export function errorPage({ errors }: Texts, { code, status, message }: ErrorDefinition): Page {
  const help: Readonly<Record<number, string>> = errors.help;
  return {
    title: code,
    body: html`<h1><code>${code}</code></h1>
<p class="lead" lang="en">${message}</p>
<dl>
<dt>${errors.status}</dt><dd>${status}</dd>
<dt>${errors.whatNow}</dt><dd>${help[status] ?? errors.help.other}</dd>
</dl>
<p><a href="/errors">${errors.all}</a></p>`,
  };
}

export function errorsPage({ errors: texts }: Texts, errors: ReadonlyMap<string, ErrorDefinition>): Page {
  const sorted = [...errors.values()].sort((one, other) => (one.code < other.code ? -1 : 1));
  return {
    title: texts.listTitle,
    body: html`<h1>${texts.listTitle}</h1>
<p class="lead">${texts.listLead}</p>
<ul class="entries">
${sorted.map(
  ({
    code,
    status,
    message,
  }) => html`<li><a href="/errors/${encodeURIComponent(code)}"><code>${code}</code></a> ${status}<p lang="en">${message}</p></li>
`,
)}</ul>`,
  };
}

export const unknownErrorPage = ({ errors }: Texts, code: string): Page => ({
  title: errors.unknownTitle,
  status: 404,
  body: html`<h1>${errors.unknownTitle}</h1>
<p class="lead">${errors.unknown} <code>${code}</code></p>
<p><a href="/errors">${errors.all}</a></p>`,
});
