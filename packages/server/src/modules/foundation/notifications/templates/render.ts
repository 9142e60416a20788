import { english } from "./english.ts";
import { languages } from "./languages.ts";
import { plainName } from "./plain-name.ts";
import { type Language, type MailData, namesInMails, type Template, type Words } from "./templates.ts";

type Data = Record<string, string> & { readonly publicUrl: string };

const linkOf: { readonly [Name in Template]: (data: Data) => string } = {
  "verify-email": ({ publicUrl, token }) => `${publicUrl}/verify-email?token=${token}`,
  "address-known": ({ publicUrl }) => `${publicUrl}/`,
  "address-check": ({ publicUrl }) => `${publicUrl}/`,
  "reset-password": ({ publicUrl, token }) => `${publicUrl}/reset-password?token=${token}`,
  "password-changed": ({ publicUrl }) => `${publicUrl}/`,
  "api-key-leaked": ({ publicUrl }) => `${publicUrl}/`,
  invitation: ({ publicUrl, invitationId, token }) => `${publicUrl}/invitations/${invitationId}/accept?token=${token}`,
};

/** Renders a mail in the recipient's language (`vi-VN` takes `vi`), else in English. */
export function renderMail(template: Template, locale: string, given: Data): { subject: string; text: string; html: string } {
  const tag = locale.toLowerCase().split("-")[0] ?? "en";
  const language = languages[tag] ?? english;
  const data = withPlainNames(given);
  const words = wordsOf(language, template, data);
  const link = linkOf[template](data);
  return {
    subject: oneLine(words.subject),
    text: textOf(words, link, language),
    html: htmlOf(words, link, language, languages[tag] ? tag : "en"),
  };
}

function withPlainNames(data: Data): Data {
  const names = namesInMails.flatMap((name) => (typeof data[name] === "string" ? [[name, plainName(data[name])] as const] : []));
  return { ...data, ...Object.fromEntries(names) };
}

const wordsOf = (language: Language, template: Template, data: Data): Words =>
  (language[template] as (data: MailData[Template]) => Words)(data as unknown as MailData[Template]);

/** A name with a line break in it must not begin a header of its own. */
const oneLine = (text: string): string => text.replace(/[\r\n]+/g, " ");

const textOf = (words: Words, link: string, language: Language): string =>
  [...words.paragraphs, ...(words.action ? [`${words.action}:\n${link}`] : []), ...closingOf(words, language)].join("\n\n");

const closingOf = (words: Words, language: Language): readonly string[] => (words.important ? [] : [language.closing]);

function htmlOf(words: Words, link: string, language: Language, tag: string): string {
  const paragraphs = words.paragraphs.map((text) => `<p>${escaped(text)}</p>`).join("\n");
  const action = words.action
    ? `<p><a href="${escaped(link)}" style="display:inline-block;padding:10px 18px;border-radius:6px;background:#1f4fd8;color:#fff;text-decoration:none">${escaped(words.action)}</a></p>`
    : "";
  return `<!doctype html><html lang="${tag}"><body style="font:16px/1.5 system-ui,sans-serif;color:#1c2430;max-width:34em;margin:2em auto;padding:0 1em">
${paragraphs}
${action}
${closingOf(words, language)
  .map((text) => `<p style="color:#667">${escaped(text)}</p>`)
  .join("")}
</body></html>`;
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character] as string);
