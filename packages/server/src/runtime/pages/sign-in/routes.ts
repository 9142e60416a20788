import type { FastifyInstance } from "fastify";
import { userCodeLengthMax } from "../fields.ts";
import type { Show } from "../show.ts";
import { devicePage } from "./device-page.ts";
import { forgotPasswordPage } from "./forgot-password-page.ts";
import { interactionPage } from "./interaction-page.ts";
import { returnPath } from "./return-path.ts";
import { signInPage } from "./sign-in-page.ts";
import { signedOutPage, signOutPage } from "./sign-out-page.ts";

/** The pages of signing in and out. Their scripts call the operations and the OpenID Provider; opening one changes nothing. */
export function addSignInPages(scope: FastifyInstance, show: Show): void {
  scope.get("/sign-in", (request, reply) => {
    const returnTo = returnPath((request.query as { return_to?: unknown }).return_to);
    return show(request, reply, (texts) => signInPage(texts, returnTo));
  });
  scope.get("/forgot-password", (request, reply) => {
    const returnTo = returnPath((request.query as { return_to?: unknown }).return_to);
    return show(request, reply, (texts) => forgotPasswordPage(texts, returnTo));
  });
  scope.get("/signed-out", (request, reply) => show(request, reply, signedOutPage));
  scope.get("/oauth2/interaction/:uid", (request, reply) => {
    const { uid } = request.params as { uid: string };
    return show(request, reply, (texts) => interactionPage(texts, returnPath(`/oauth2/interaction/${uid}`)));
  });
  scope.get("/oauth2/logout/confirm", (request, reply) => show(request, reply, signOutPage));
  scope.get("/oauth2/device", (request, reply) => {
    const { user_code: userCode } = request.query as { user_code?: unknown };
    const known = typeof userCode === "string" && userCode.length <= userCodeLengthMax ? userCode : "";
    return show(request, reply, (texts) => devicePage(texts, known));
  });
}
