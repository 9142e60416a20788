import { emailField, form, nameFields, newPasswordField } from "./fields.ts";
import { html } from "./html.ts";
import type { Language } from "./language.ts";
import type { Page } from "./page.ts";
import { step } from "./steps.ts";
import type { Texts } from "./texts.ts";

/** Creates the first internal administrator with the token of the set-up link. */
export function setupPage(texts: Texts, language: Language, token: string): Page {
  const { setup } = texts;
  const fields = [nameFields("setup", texts), emailField("setup", texts), newPasswordField("setup", texts)];
  return {
    title: setup.title,
    script: "single-form.js",
    body: html`${step(
      "form",
      setup.title,
      html`<p class="lead">${setup.lead}</p>
${form({ id: "setup", call: "/api/v1/iam/setup", submit: setup.submit, hidden: { token, locale: language }, fields })}`,
      { first: true },
    )}
${step("done", setup.doneTitle, html`<p class="lead">${setup.done}</p><p><a class="button" href="/docs">${setup.next}</a></p>`)}`,
  };
}
