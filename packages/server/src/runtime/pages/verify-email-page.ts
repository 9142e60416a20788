import { form } from "./fields.ts";
import { html } from "./html.ts";
import type { Page } from "./page.ts";
import { step } from "./steps.ts";
import type { Texts } from "./texts.ts";

/** A button, not an effect: mail scanners open the links of a mail, and the token works once. */
export function verifyEmailPage({ verify }: Texts, token: string): Page {
  const call = "/api/v1/iam/auth/verify-email";
  return {
    title: verify.title,
    script: "single-form.js",
    body: html`${step(
      "form",
      verify.title,
      html`<p class="lead">${verify.lead}</p>
${form({ id: "verify", call, submit: verify.submit, hidden: { token }, fields: null })}`,
      { first: true },
    )}
${step("done", verify.doneTitle, html`<p class="lead">${verify.done}</p>`)}`,
  };
}
