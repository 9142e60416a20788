/**
 * Serves the single-page application of this folder: four files, and the module `oauth4webapi` as it is in node_modules. It has no secret and no
 * session. app.js is the application.
 */
import { sendFile, sendJson, serve } from "../lib/server.js";
import { addresses, gatehouse, readInstallation } from "../lib/settings.js";

const { spaClientId } = readInstallation();

// A script from elsewhere could take the tokens, so there is none. The page may send requests to Gatehouse and to the API, and nowhere else.
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  `connect-src 'self' ${gatehouse} ${addresses.api}`,
  "form-action 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ");

const here = (/** @type {string} */ name) => new URL(name, import.meta.url);

serve(
  addresses.spa,
  {
    "GET /"(_request, response) {
      response.setHeader("content-security-policy", policy);
      // The address of the page has the authorization code for a moment.
      response.setHeader("referrer-policy", "no-referrer");
      return sendFile(response, here("index.html"), "text/html");
    },
    "GET /app.js": (_request, response) => sendFile(response, here("app.js"), "text/javascript"),
    "GET /sign-in.js": (_request, response) => sendFile(response, here("sign-in.js"), "text/javascript"),
    "GET /style.css": (_request, response) => sendFile(response, here("../lib/style.css"), "text/css"),
    "GET /oauth4webapi.js": (_request, response) => sendFile(response, new URL(import.meta.resolve("oauth4webapi")), "text/javascript"),
    "GET /settings.json": (_request, response) => sendJson(response, { issuer: gatehouse, api: addresses.api, clientId: spaClientId }),
  },
  (response, { status, code, message }) => sendJson(response, { error: { code, message } }, status),
);
