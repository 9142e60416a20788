import { type Html, type HtmlValue, html } from "./html.ts";

/** One of several states of a page. assets/steps.js shows one at a time and moves the focus to its heading. */
export const step = (
  name: string,
  heading: string,
  content: HtmlValue,
  { first = false, level = 1 }: { first?: boolean; level?: 1 | 2 } = {},
): Html =>
  html`<section data-step="${name}"${!first && html` hidden`}>
${level === 1 ? html`<h1 tabindex="-1">${heading}</h1>` : html`<h2 tabindex="-1">${heading}</h2>`}
${content}
</section>`;
