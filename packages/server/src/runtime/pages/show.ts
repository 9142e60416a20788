import type { FastifyReply, FastifyRequest } from "fastify";
import { type Language, languageOf, languages } from "./language.ts";
import { documentOf, type Page } from "./page.ts";
import type { Texts } from "./texts.ts";

/** Answers with a page in the reader's language. */
export type Show = (request: FastifyRequest, reply: FastifyReply, make: (texts: Texts, language: Language) => Page) => FastifyReply;

export function pageSender({ version, hasInbox }: { readonly version: string; readonly hasInbox: boolean }): Show {
  return (request, reply, make) => {
    const language = languageOf(request.headers["accept-language"]);
    const texts = languages[language];
    const page = make(texts, language);
    return reply
      .code(page.status ?? 200)
      .header("content-language", language)
      .header("vary", "accept-language")
      .type("text/html; charset=utf-8")
      .send(documentOf(page, { language, texts, version, hasInbox }));
  };
}
