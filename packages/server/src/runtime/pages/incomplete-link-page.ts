import { html } from "./html.ts";
import type { Page } from "./page.ts";
import type { Texts } from "./texts.ts";

/** For a link whose token was cut off, as mail programs that break lines do. */
export const incompleteLinkPage = ({ incompleteLink }: Texts): Page => ({
  title: incompleteLink.title,
  status: 400,
  body: html`<h1>${incompleteLink.title}</h1>
<p class="lead">${incompleteLink.lead}</p>`,
});
