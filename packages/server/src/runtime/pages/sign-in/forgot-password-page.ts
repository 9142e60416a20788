import { emailField, form } from "../fields.ts";
import { html } from "../html.ts";
import type { Page } from "../page.ts";
import { step } from "../steps.ts";
import type { Texts } from "../texts.ts";

/** Requests the mail with a link to /reset-password. The answer is the same for addresses with and without an account. */
export function forgotPasswordPage(texts: Texts, returnTo: string | undefined): Page {
  const { forgot } = texts;
  const back = html`<a href="${returnTo ?? "/sign-in"}">${forgot.back}</a>`;
  return {
    title: forgot.title,
    script: "forgot-password.js",
    body: html`${step(
      "form",
      forgot.title,
      html`<p class="lead">${forgot.lead}</p>
${form({ id: "forgot", call: "/api/v1/iam/auth/forgot-password", submit: forgot.submit, fields: emailField("forgot", texts) })}
<p class="aside">${back}</p>`,
      { first: true },
    )}
${step(
  "done",
  forgot.doneTitle,
  html`<p class="lead" id="sent" data-sentence="${forgot.done}"></p>
<p class="aside">${back} · <button type="button" class="link" data-go="form">${forgot.otherAddress}</button></p>`,
)}`,
  };
}
