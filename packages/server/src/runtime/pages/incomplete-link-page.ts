import { html } from "./html.ts";
import type { Page } from "./page.ts";
import type { Texts } from "./texts.ts";

/** For a link whose token is truncated, as by mail programs that break lines. */
export const incompleteLinkPage = ({ incompleteLink }: Texts): Page => ({
  title: incompleteLink.title,
  status: 400,
  body: html`<h1>${incompleteLink.title}</h1>
<p class="lead">${incompleteLink.lead}</p>`,
});
