import { html } from "../html.ts";
import type { Page } from "../page.ts";
import { step } from "../steps.ts";
import type { Texts } from "../texts.ts";
import { account, actions, checking, clientSays } from "./parts.ts";

/** Asks before an application ends the session, which it may request without the user's knowledge (OpenID Connect RP-Initiated Logout §6). */
export function signOutPage(texts: Texts): Page {
  const { signIn, signOut } = texts;
  return {
    title: signOut.title,
    script: "sign-out.js",
    body: html`${step("check", signOut.title, checking(texts), { first: true })}
${step(
  "question",
  signOut.title,
  html`<div id="client" hidden>${clientSays(signOut.leadOfClient)}</div>
<p class="lead">${signOut.lead}</p>
<div id="account" hidden>${account(signIn.signedInAs)}</div>
${actions(
  html`<button type="button" data-action="sign-out">${signIn.signOut}</button>
<button type="button" class="secondary" data-action="stay">${signOut.stay}</button>`,
)}`,
)}
${step("stayed", signOut.stayedTitle, html`<p class="lead">${signOut.stayed}</p>`)}
${step("expired", signOut.expiredTitle, html`<p class="lead">${signOut.expired}</p>`)}`,
  };
}

/** Where a sign-out ends that has no address to return to. */
export const signedOutPage = ({ signIn }: Texts): Page => ({
  title: signIn.signedOutTitle,
  body: html`<h1>${signIn.signedOutTitle}</h1>
<p class="lead">${signIn.signedOut}</p>
<p><a class="button secondary" href="/sign-in">${signIn.again}</a></p>`,
});
