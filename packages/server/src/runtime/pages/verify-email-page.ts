import { currentPasswordField, form, newPasswordField } from "./fields.ts";
import { html } from "./html.ts";
import type { Page } from "./page.ts";
import { step } from "./steps.ts";
import type { Texts } from "./texts.ts";

/**
 * Opening the link has no effect, because mail scanners open links and the token works once. The form requires the password of the
 * registration: another person may have registered the address, and a click must not give them an account in the reader's name.
 */
export function verifyEmailPage(texts: Texts, token: string): Page {
  const { verify } = texts;
  const call = "/api/v1/iam/auth/verify-email";
  const hidden = { token };
  const choice = newPasswordField("choose", texts, texts.fields.newPassword, "newPassword");
  return {
    title: verify.title,
    script: "verify-email.js",
    body: html`${step(
      "form",
      verify.title,
      html`<p class="lead">${verify.lead}</p>
${form({ id: "verify", call, submit: verify.submit, hidden, fields: currentPasswordField("verify", texts) })}
<p class="aside"><button type="button" class="link" data-go="choose">${verify.toChoose}</button></p>`,
      { first: true },
    )}
${step(
  "choose",
  verify.chooseTitle,
  html`<p class="lead">${verify.chooseLead}</p>
${form({ id: "choose", call, submit: verify.choose, hidden, fields: choice })}
<p class="aside"><button type="button" class="link" data-go="form">${verify.toConfirm}</button></p>`,
)}
${step(
  "done",
  verify.doneTitle,
  html`<p class="lead">${verify.done}</p>
<p><a class="button" href="/sign-in">${texts.signIn.submit}</a></p>`,
)}`,
  };
}
