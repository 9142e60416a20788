import { html } from "../html.ts";
import type { Page } from "../page.ts";
import { step } from "../steps.ts";
import type { Texts } from "../texts.ts";
import { account, actions, checking, signInForm } from "./parts.ts";
import { withReturn } from "./return-path.ts";

/** Sign in, then continue at `returnTo` or show the account. Only the browser knows which comes first, as it has the cookie. */
export function signInPage(texts: Texts, returnTo: string | undefined): Page {
  const { signIn } = texts;
  const buttons = html`${returnTo !== undefined && html`<a class="button" id="continue" href="${returnTo}">${signIn.continue}</a>`}
<button type="button" class="secondary" data-action="sign-out">${signIn.signOut}</button>`;
  return {
    title: signIn.title,
    script: "sign-in.js",
    body: html`${step("check", signIn.title, checking(texts), { first: true })}
${step("sign-in", signIn.title, signInForm(texts, returnTo === undefined ? undefined : withReturn("/sign-in", returnTo)))}
${step("signed-in", signIn.signedInTitle, html`${account(signIn.signedInAs)}${actions(buttons)}`)}`,
  };
}
