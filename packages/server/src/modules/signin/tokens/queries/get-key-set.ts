import { anyone } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { after } from "#operation/kernel/maybe-promise.ts";
import { tokens } from "../module.ts";

const text = Type.Optional(Type.String());

/** The public keys of access tokens (RFC 7517 §5), the current one first. They include the next one, which does not sign yet. */
export const getKeySet = tokens.inMemoryQuery("getKeySet", {
  http: "GET /.well-known/jwks.json",
  summary: "The public keys that access tokens are signed with.",
  allow: anyone("public keys are public"),
  // Shorter than the time for which a key is published before it signs.
  publicCacheSeconds: 300,
  input: Type.Object({}),
  output: Type.Object({
    keys: Type.Array(
      Type.Object({ kty: Type.String(), n: text, e: text, crv: text, x: text, y: text, kid: Uuid, use: Type.String(), alg: Type.String() }),
    ),
  }),
  tenant: () => undefined,
  run: ({ state }) => after(state.keys.find(), ({ jwks }) => ({ keys: [...jwks] })),
});
