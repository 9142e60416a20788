import { anyone } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { audit } from "../module.ts";
import { publicJwk } from "../signing.ts";

/** The public keys of checkpoints (RFC 7517, 8037), so that anyone can verify a stored checkpoint offline. */
export const getPublicKeys = audit.query("getPublicKeys", {
  http: "GET /.well-known/audit-keys.json",
  summary: "The public keys that audit checkpoints are signed with.",
  allow: anyone("public keys are public"),
  input: Type.Object({}),
  output: Type.Object({
    keys: Type.Array(
      Type.Object({ kty: Type.String(), crv: Type.String(), x: Type.String(), kid: Uuid, use: Type.String(), alg: Type.String() }),
    ),
  }),
  async run({ store }) {
    return { keys: (await store.signingKeys()).map(publicJwk) };
  },
});
