import { html } from "../html.ts";
import type { Page } from "../page.ts";
import { step } from "../steps.ts";
import type { Texts } from "../texts.ts";
import { account, actions, checking, clientSays, scopeList, signInForm } from "./parts.ts";

/**
 * One interaction of the OpenID Provider: sign in, choose an organization, consent. assets/interaction.js asks for its details and shows the
 * step that they need. It navigates by script to the address that an action answers, because `form-action` forbids forms that redirect to
 * the application.
 */
export function interactionPage(texts: Texts, path: string | undefined): Page {
  const { interaction, signIn } = texts;
  const button = (action: string, label: string, kind = "") =>
    html`<button type="button"${kind && html` class="${kind}"`} data-action="${action}">${label}</button>`;
  const otherAccount = button("switch-account", signIn.otherAccount, "link");
  const cancel = button("deny", interaction.cancel, "link");
  return {
    title: interaction.title,
    script: "interaction.js",
    body: html`${step("check", interaction.title, checking(texts), { first: true })}
${step("sign-in", interaction.title, html`${clientSays(interaction.lead)}${signInForm(texts, path)}<p class="aside">${cancel}</p>`)}
${step(
  "account",
  interaction.accountTitle,
  html`${clientSays(interaction.accountLead)}
${account(signIn.signedInAs)}
${actions(html`${button("continue", signIn.continue)}${button("switch-account", signIn.otherAccount, "secondary")}`)}
<p class="aside">${cancel}</p>`,
)}
${step(
  "organization",
  interaction.organizationTitle,
  html`<div id="organization-lead">${clientSays(interaction.organizationLead)}</div>
<p class="note" id="no-organization" hidden>${interaction.noOrganization}</p>
${account(signIn.signedInAs)}
<p class="form-error" role="alert"></p>
<ul class="choices" id="organizations"></ul>
<p class="aside">${otherAccount} · ${cancel}</p>`,
)}
${step(
  "consent",
  interaction.consentTitle,
  html`${clientSays(interaction.consentLead)}
${scopeList}
<p id="in-organization" hidden>${interaction.inOrganization} <strong><bdi id="organization-name"></bdi></strong></p>
${account(signIn.signedInAs)}
<p class="note">${interaction.trust}</p>
<p class="links"><a id="policy" rel="noopener noreferrer" target="_blank" hidden>${interaction.policy}</a>
<a id="terms" rel="noopener noreferrer" target="_blank" hidden>${interaction.terms}</a></p>
${actions(html`${button("allow", interaction.allow)}${button("deny", interaction.deny, "secondary")}`)}
<p class="aside">${otherAccount}</p>`,
)}
${step("expired", interaction.expiredTitle, html`<p class="lead">${interaction.expired}</p>`)}`,
  };
}
