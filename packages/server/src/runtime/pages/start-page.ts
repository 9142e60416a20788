import { html } from "./html.ts";
import type { Page } from "./page.ts";
import type { Texts } from "./texts.ts";

export function startPage({ start }: Texts, publicUrl: string, hasInbox: boolean): Page {
  const entry = (href: string, name: string, says: string) => html`<li><a href="${href}">${name}</a><p>${says}</p></li>`;
  return {
    title: start.title,
    body: html`<h1>${start.title}</h1>
<p class="lead">${start.lead}</p>
<p class="hint">${start.address} <a href="${publicUrl}">${publicUrl}</a></p>
<ul class="entries">
${entry("/sign-in", start.signIn, start.signInSays)}
${entry("/docs", start.api, start.apiSays)}
${hasInbox && entry("/dev/inbox", start.inbox, start.inboxSays)}
${entry("/errors", start.errors, start.errorsSays)}
${entry("/health/ready", start.health, start.healthSays)}
<li><strong>${start.guide}</strong><p>${start.guideSays}</p></li>
</ul>
<p class="hint">${start.firstStart}</p>`,
  };
}
