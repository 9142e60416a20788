import { OperationError, QuotaExceeded, RouteNotFound, ValidationFailed } from "#operation/declaration/errors.ts";
import type { HttpAnswer, HttpRequest } from "#operation/transport/http-message.ts";
import { registerClient } from "../commands/register-client.ts";
import { grantTypesOf } from "../model.ts";
import type { ProtocolDependencies } from "./dependencies.ts";
import { jsonAnswer, jsonBody, oauthError } from "./json-answers.ts";

/**
 * Dynamic client registration (RFC 7591), where the installation allows it: a public client with the scopes among those that it may have. Other
 * metadata is ignored (RFC 7591 §2).
 */
export async function register({ dispatch, platform }: ProtocolDependencies, request: HttpRequest): Promise<HttpAnswer> {
  const allowed = platform.settings.registrationScopes;
  if (allowed.length === 0) throw new OperationError(RouteNotFound);
  try {
    const { client_name: name = "Unnamed application", redirect_uris: redirectUris, scope } = jsonBody(request);
    const asked = typeof scope === "string" ? scope.split(" ") : allowed;
    const scopes = allowed.filter((value) => asked.includes(value));
    if (scopes.length === 0) return oauthError(400, "invalid_client_metadata", `scope has none of: ${allowed.join(" ")}`);
    const { output } = await dispatch(registerClient, { name, redirectUris, scopes } as never, { origin: request.origin });
    const description = {
      client_id: output.id,
      client_id_issued_at: Math.floor(Date.parse(output.createdAt) / 1_000),
      client_name: name,
      redirect_uris: redirectUris,
      token_endpoint_auth_method: "none",
      grant_types: grantTypesOf({ kind: "public", deviceFlow: false }),
      response_types: ["code"],
      scope: scopes.join(" "),
    };
    return jsonAnswer(description, { "access-control-allow-origin": "*" }, 201);
  } catch (error) {
    if (!(error instanceof OperationError)) throw error;
    if (error.definition === ValidationFailed) return refused(error);
    if (error.definition === QuotaExceeded) return oauthError(503, "temporarily_unavailable", "too many clients are registered");
    throw error;
  }
}

const names: Readonly<Record<string, string>> = { redirectUris: "redirect_uris", name: "client_name", scopes: "scope" };

/** RFC 7591 §3.2.2. */
function refused({ details }: OperationError): HttpAnswer {
  const [first] = details;
  const [field = ""] = (first?.field ?? "").split(".");
  const name = names[field] ?? field;
  const error = name === "redirect_uris" ? "invalid_redirect_uri" : "invalid_client_metadata";
  return oauthError(400, error, `${name} ${String(first?.["message"] ?? "is not valid")}`);
}
