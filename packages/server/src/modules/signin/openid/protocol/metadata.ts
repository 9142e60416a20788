import type { HttpAnswer } from "#operation/transport/http-message.ts";
import { jsonAnswer } from "./json-answers.ts";
import { paths } from "./routes.ts";

/** The metadata of this product's API as a protected resource (RFC 9728 §2): clients find the authorization server by it. */
export const protectedResourceMetadata = (publicUrl: string): HttpAnswer =>
  jsonAnswer(
    {
      resource: publicUrl,
      authorization_servers: [publicUrl],
      jwks_uri: publicUrl + paths.jwks,
      bearer_methods_supported: ["header"],
      resource_name: "Gatehouse",
      resource_documentation: `${publicUrl}/docs`,
    },
    { "access-control-allow-origin": "*", "cache-control": "public, max-age=300" },
  );
