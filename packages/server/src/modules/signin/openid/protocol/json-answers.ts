import { invalid, OperationError, UnsupportedMediaType } from "#operation/declaration/errors.ts";
import type { HttpAnswer, HttpRequest } from "#operation/transport/http-message.ts";
import { parseJson } from "#operation/transport/json.ts";

export const jsonAnswer = (body: object, headers: HttpAnswer["headers"] = {}, status = 200): HttpAnswer => ({
  status,
  headers: { "content-type": "application/json; charset=utf-8", "cache-control": "no-store", ...headers },
  body: Buffer.from(JSON.stringify(body)),
});

/** An error of OAuth (RFC 6749 §5.2). */
export const oauthError = (status: number, error: string, description: string, headers: HttpAnswer["headers"] = {}): HttpAnswer =>
  jsonAnswer({ error, error_description: description }, headers, status);

/** The JSON object in a body. A form of another site cannot send this media type. */
export function jsonBody({ headers, body }: HttpRequest): Readonly<Record<string, unknown>> {
  if (!/^application\/json\b/i.test(String(headers["content-type"] ?? ""))) throw new OperationError(UnsupportedMediaType);
  let parsed: unknown;
  try {
    parsed = parseJson(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    if (error instanceof OperationError) throw error;
    throw invalid({ field: "body", rule: "syntax", message: "cannot be read: it must be JSON in UTF-8" });
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw invalid({ field: "body", rule: "type:object", message: "must be an object" });
  return parsed as Readonly<Record<string, unknown>>;
}
