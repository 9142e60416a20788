import { emailField, form, nameFields, newPasswordField } from "./fields.ts";
import { type Html, html } from "./html.ts";
import type { Language } from "./language.ts";
import type { Page } from "./page.ts";
import { account, checking, signInForm } from "./sign-in/parts.ts";
import { step } from "./steps.ts";
import type { Texts } from "./texts.ts";

/**
 * Sign in or register, then accept. Only the browser knows which step comes first (GET users/me, with the cookie), so
 * assets/invitation.js guides through them. `id` must be a validated UUID, because it is part of an address.
 */
export function invitationPage(texts: Texts, language: Language, id: string, token: string): Page {
  const { invitation } = texts;
  return {
    title: invitation.title,
    script: "invitation.js",
    body: html`${step("check", invitation.title, checking(texts), { first: true })}
${step("sign-in", invitation.signInTitle, signIn(texts))}
${step("register", invitation.registerTitle, registration(texts, language))}
${step("accept", invitation.acceptTitle, acceptance(texts, id, token))}
${step("done", invitation.doneTitle, html`<p class="lead">${invitation.done}</p>`)}`,
  };
}

const signIn = (texts: Texts): Html => {
  const { invitation } = texts;
  return html`<p class="lead">${invitation.signInLead}</p>
<p class="note" role="status" id="sign-in-note" data-registered="${invitation.registered}" data-ended="${invitation.sessionEnded}" hidden></p>
${signInForm(texts, undefined)}
<p class="aside">${invitation.noAccount} <button type="button" class="link" data-go="register">${invitation.toRegister}</button></p>`;
};

const registration = (texts: Texts, language: Language): Html => {
  const { invitation } = texts;
  const fields = [nameFields("register", texts), emailField("register", texts), newPasswordField("register", texts)];
  const hidden = { locale: language };
  return html`<p class="lead">${invitation.registerLead}</p>
${form({ id: "register", call: "/api/v1/iam/auth/register", submit: invitation.register, hidden, fields })}
<p class="aside">${invitation.haveAccount} <button type="button" class="link" data-go="sign-in">${invitation.toSignIn}</button></p>`;
};

const acceptance = ({ invitation, signIn }: Texts, id: string, token: string): Html =>
  html`${account(signIn.signedInAs)}
${form({ id: "accept", call: `/api/v1/iam/invitations/${id}/accept`, submit: invitation.accept, hidden: { token }, fields: null })}
<p class="aside"><button type="button" class="link" data-action="other-account">${signIn.otherAccount}</button></p>`;
