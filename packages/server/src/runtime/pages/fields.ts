import { type Html, type HtmlValue, html } from "./html.ts";
import type { Texts } from "./texts.ts";

interface Field {
  readonly name: string;
  readonly label: string;
  readonly type?: "text" | "email" | "password";
  /** The autofill field for password managers (HTML §4.10.18.7). */
  readonly autocomplete: string;
  readonly hint?: string;
  /** Further attributes of the input. */
  readonly attributes?: Html;
}

interface Form {
  /** Distinguishes the fields of two forms on one page. */
  readonly id: string;
  /** The operation that takes the fields as JSON. */
  readonly call: string;
  readonly submit: string;
  readonly fields: HtmlValue;
  /** Hidden fields: names and values. */
  readonly hidden?: Readonly<Record<string, string>>;
}

/** Longer than any code of a device, with its separators. */
export const userCodeLengthMax = 32;

/**
 * A form that assets/form.js sends. Its button is disabled until that script runs, and its method is POST: without the
 * script a browser would write the password into the address.
 */
export function form({ id, call, submit, fields, hidden = {} }: Form): Html {
  return html`<form id="${id}" method="post" data-call="${call}" novalidate>
${Object.entries(hidden).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
${fields}
<p class="form-error" role="alert"></p>
<button type="submit" disabled>${submit}</button>
</form>`;
}

function field(formId: string, { name, label, type = "text", autocomplete, hint, attributes }: Field): Html {
  const id = `${formId}-${name}`;
  return html`<div class="field">
<label for="${id}">${label}</label>
${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}
<input id="${id}" name="${name}" type="${type}" autocomplete="${autocomplete}" required
  ${type !== "text" && html`autocapitalize="none" spellcheck="false"`}
  ${attributes}
  aria-describedby="${hint && `${id}-hint `}${id}-error">
<p class="field-error" id="${id}-error"></p>
</div>`;
}

export const emailField = (formId: string, { fields }: Texts): Html =>
  field(formId, { name: "email", label: fields.email, type: "email", autocomplete: "username" });

/** The name fields, in the order of the reader's language. */
export function nameFields(formId: string, { fields }: Texts): Html {
  const given = field(formId, { name: "firstName", label: fields.firstName, autocomplete: "given-name" });
  const family = field(formId, { name: "lastName", label: fields.lastName, autocomplete: "family-name" });
  return html`<div class="pair">${fields.familyNameFirst ? [family, given] : [given, family]}</div>`;
}

/** The code that a device shows. */
export const codeField = (formId: string, { code, codeHint }: Texts["device"], value: string): Html =>
  field(formId, {
    name: "userCode",
    label: code,
    autocomplete: "off",
    hint: codeHint,
    attributes: html`class="user-code" autocapitalize="characters" spellcheck="false" maxlength="${userCodeLengthMax}" value="${value}"`,
  });

export const currentPasswordField = (formId: string, { fields }: Texts): Html =>
  withReveal(formId, fields, { name: "password", label: fields.password, type: "password", autocomplete: "current-password" });

export const newPasswordField = (formId: string, { fields }: Texts, label = fields.password, name = "password"): Html =>
  withReveal(formId, fields, {
    name,
    label,
    type: "password",
    autocomplete: "new-password",
    hint: fields.passwordHint,
  });

/** Showing the password prevents more errors than typing it twice. */
const withReveal = (formId: string, texts: Texts["fields"], password: Field): Html =>
  html`${field(formId, password)}
<label class="check"><input type="checkbox" data-reveal="${formId}-${password.name}"> ${texts.showPassword}</label>`;
