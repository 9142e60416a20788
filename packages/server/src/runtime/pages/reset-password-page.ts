import { form, newPasswordField } from "./fields.ts";
import { html } from "./html.ts";
import type { Page } from "./page.ts";
import { step } from "./steps.ts";
import type { Texts } from "./texts.ts";

export function resetPasswordPage(texts: Texts, token: string): Page {
  const { reset } = texts;
  const call = "/api/v1/iam/auth/reset-password";
  const fields = newPasswordField("reset", texts, texts.fields.newPassword);
  return {
    title: reset.title,
    script: "single-form.js",
    body: html`${step(
      "form",
      reset.title,
      html`<p class="lead">${reset.lead}</p>
${form({ id: "reset", call, submit: reset.submit, hidden: { token }, fields })}`,
      { first: true },
    )}
${step(
  "done",
  reset.doneTitle,
  html`<p class="lead">${reset.done}</p>
<p><a class="button" href="/sign-in">${texts.signIn.submit}</a></p>`,
)}`,
  };
}
