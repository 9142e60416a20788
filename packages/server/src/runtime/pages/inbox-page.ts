import type { InboxItem } from "#platform/mail/inbox.ts";
import { type Html, html } from "./html.ts";
import type { Language } from "./language.ts";
import { linkedText } from "./linked-text.ts";
import type { Page } from "./page.ts";
import type { Texts } from "./texts.ts";

/** The mails that were not sent, newest first. assets/inbox.js adds new ones. */
export function inboxPage({ inbox }: Texts, language: Language, items: readonly InboxItem[]): Page {
  return {
    title: inbox.title,
    wide: true,
    script: "inbox.js",
    body: html`<h1>${inbox.title}</h1>
<p class="note">${inbox.note}</p>
<p class="hint">${inbox.newest} <a href="/dev/inbox.json">${inbox.json}</a></p>
<p id="inbox-status" class="hint" role="status"></p>
<div id="mails">${items.map((item) => mail(inbox, language, item))}</div>
<p class="empty">${inbox.empty}</p>`,
  };
}

/** The frame has no rights: no script, no form, no origin, no navigation. */
const mail = (texts: Texts["inbox"], language: Language, item: InboxItem): Html =>
  html`<article id="mail-${item.id}">
<h2>${item.subject}</h2>
<p class="meta">${texts.to} <strong>${item.to}</strong> · <time datetime="${item.createdAt.toISOString()}">${timeIn(language, item.createdAt)}</time> · ${item.template} · ${item.locale}</p>
<div class="mail-text">${linkedText(item.text)}</div>
<details><summary>${texts.htmlVersion}</summary>
<iframe sandbox="" referrerpolicy="no-referrer" loading="lazy" title="${texts.htmlVersion}: ${item.subject}" srcdoc="${item.html}"></iframe>
</details>
</article>
`;

/** UTC, because the server does not know the reader's time zone; the script replaces it with local time. */
const timeIn = (language: Language, time: Date): string =>
  new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "long", timeZone: "UTC" }).format(time);
