import { type Html, html } from "./html.ts";
import type { Language } from "./language.ts";
import type { Texts } from "./texts.ts";

/** The content of a page. */
export interface Page {
  readonly title: string;
  readonly body: Html;
  /** Names in assets/. The page needs them, so it shows a hint without JavaScript. */
  readonly script?: string;
  readonly wide?: boolean;
  /** Replaces the default style sheets and scripts. */
  readonly head?: Html;
  /** Whether the content has the document's `main` element. */
  readonly hasMain?: boolean;
  readonly status?: number;
}

/** What every page shows. */
export interface PageContext {
  readonly language: Language;
  readonly texts: Texts;
  readonly version: string;
  readonly hasInbox: boolean;
}

/** The address of a file in assets/. */
export const asset = (name: string): string => `/pages/assets/${name}`;

/** The whole document. The texts of the scripts are in an attribute, because the policy allows no inline script. */
export function documentOf(page: Page, { language, texts, version, hasInbox }: PageContext): string {
  const content = html`
${page.script && html`<noscript><p class="note">${texts.needsScript}</p></noscript>`}
${page.body}
`;
  const document = html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${page.title === "Gatehouse" ? "Gatehouse" : `${page.title} · Gatehouse`}</title>
<link rel="icon" href="${asset("icon.svg")}" type="image/svg+xml">
<link rel="stylesheet" href="${asset("base.css")}">
${page.head ?? html`<link rel="stylesheet" href="${asset("pages.css")}">`}
${page.script && html`<script type="module" src="${asset(page.script)}"></script>`}
</head>
<body${page.script && html` data-words="${JSON.stringify(texts.browser)}"`}>
${page.hasMain ? html`<div class="page wide">${content}</div>` : html`<main class="${page.wide ? "page wide" : "page"}">${content}</main>`}
<footer>
<span><a href="/">Gatehouse</a> ${version}</span>
<nav><a href="/docs">${texts.footer.api}</a>${hasInbox && html`<a href="/dev/inbox">${texts.footer.inbox}</a>`}</nav>
</footer>
</body>
</html>
`;
  return document.text;
}
