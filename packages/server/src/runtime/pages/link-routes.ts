import type { FastifyInstance, FastifyRequest } from "fastify";
import { incompleteLinkPage } from "./incomplete-link-page.ts";
import { invitationPage } from "./invitation-page.ts";
import type { Language } from "./language.ts";
import type { Page } from "./page.ts";
import { resetPasswordPage } from "./reset-password-page.ts";
import { setupPage } from "./setup-page.ts";
import type { Show } from "./show.ts";
import type { Texts } from "./texts.ts";
import { verifyEmailPage } from "./verify-email-page.ts";

const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** The pages behind links that carry a token. Opening one changes nothing; the form on it does. */
export function addLinkPages(scope: FastifyInstance, show: Show): void {
  const linkPage = (url: string, make: (texts: Texts, language: Language, token: string, request: FastifyRequest) => Page) =>
    scope.get(url, (request, reply) => {
      const { token } = request.query as { token?: unknown };
      // A repeated parameter is a list; such a link is not valid.
      if (typeof token !== "string" || token === "") return show(request, reply, incompleteLinkPage);
      return show(request, reply, (texts, language) => make(texts, language, token, request));
    });
  linkPage("/setup", setupPage);
  linkPage("/verify-email", (texts, _language, token) => verifyEmailPage(texts, token));
  linkPage("/reset-password", (texts, _language, token) => resetPasswordPage(texts, token));
  linkPage("/invitations/:id/accept", (texts, language, token, request) => {
    const { id } = request.params as { id: string };
    return uuid.test(id) ? invitationPage(texts, language, id, token) : incompleteLinkPage(texts);
  });
}
