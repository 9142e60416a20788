import type { HttpAnswer } from "#operation/transport/http-message.ts";
import { oauthError } from "./json-answers.ts";
import { paths } from "./routes.ts";
import type { StateConflict } from "./unit-of-work.ts";

/** The answer where another request came first: it used the code, the token or the proof, or ended the session. */
export function conflictAnswer(path: string, { conflict }: StateConflict): HttpAnswer {
  if (path === paths.userinfo)
    return oauthError(401, "invalid_token", "the token has ended or its proof was used", {
      "www-authenticate": 'DPoP error="invalid_token"',
    });
  if (path === paths.token) return oauthError(400, "invalid_grant", "grant request is invalid");
  if (conflict === "replayed") return oauthError(401, "invalid_client", "client authentication failed");
  return oauthError(400, "invalid_request", "the request was answered before, or its session has ended");
}
