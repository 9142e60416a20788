/**
 * oidc-provider as its documentation starts it, with its memory adapter: one client, JWT access tokens for one resource, RS256. The stated
 * reference of client credentials and introspection.
 */
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";
import { portOf, ready, variable } from "./life.ts";

const server = createServer();
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const port = portOf(server.address());

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const jwt = variable("TOKENS") === "jwt";
const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid: "bench", use: "sig", alg: "RS256" } as never] },
  clients: [
    {
      client_id: variable("CLIENT_ID"),
      client_secret: variable("CLIENT_SECRET"),
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    },
  ],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => "https://api.example.com",
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: "Product",
        accessTokenFormat: jwt ? "jwt" : "opaque",
        accessTokenTTL: 900,
        ...(jwt ? { jwt: { sign: { alg: "RS256" } } } : {}),
      }),
    },
  },
  ttl: { ClientCredentials: 900 },
});
server.on("request", provider.callback());
ready(port, async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
