import { currentPasswordField, emailField, form } from "../fields.ts";
import { type Html, html } from "../html.ts";
import type { Texts } from "../texts.ts";
import { withReturn } from "./return-path.ts";

/** The content of the step `check`: assets/check.js asks the server which step follows, and offers to repeat a failed request. */
export const checking = ({ check }: Texts): Html =>
  html`<p id="checking" class="lead" role="status">${check.waiting}</p>
<p class="form-error" role="alert" id="check-error"></p>
<p><button type="button" id="check-again" hidden>${check.retry}</button></p>`;

/** The form for e-mail address and password; assets/sign-in-form.js sends it. The page of a forgotten password leads back to `returnTo`. */
export const signInForm = (texts: Texts, returnTo: string | undefined): Html =>
  html`${form({
    id: "sign-in",
    call: "/api/v1/iam/auth/login",
    submit: texts.signIn.submit,
    fields: [emailField("sign-in", texts), currentPasswordField("sign-in", texts)],
  })}
<div id="unconfirmed" hidden><p><button type="button" class="link" id="resend">${texts.signIn.resend}</button></p>
<p class="note" role="status" id="resent" data-sentence="${texts.signIn.resent}"></p></div>
<p class="after"><a href="${withReturn("/forgot-password", returnTo)}">${texts.signIn.forgot}</a></p>`;

/** The signed-in user; assets/account.js fills it. */
export const account = (label: string): Html =>
  html`<p class="card">${label}<br><strong data-account="name"></strong> <span data-account="email"></span></p>`;

/**
 * A sentence about an application; assets/client.js fills in its name, isolated because others chose it (UAX #9), and its first letter. A logo
 * would be a request to the application's server before the user agrees.
 */
export const clientSays = (sentence: string): Html => {
  const [before = "", ...after] = sentence.split("{client}");
  return html`<div class="client"><span class="mark" data-client-mark aria-hidden="true"></span>
<p>${before}${after.map((text) => html`<bdi data-client></bdi>${text}`)}</p></div>`;
};

/** Buttons that assets/actions.js turns into calls, and the place of their failures. */
export const actions = (buttons: Html): Html =>
  html`<p class="form-error" role="alert"></p>
<div class="actions">${buttons}</div>`;

/** What an application may see and do; assets/client.js fills it. */
export const scopeList: Html = html`<ul class="scopes" data-scopes></ul>`;
