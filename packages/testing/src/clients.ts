import { expectOk } from "./answers.ts";
import { unique } from "./people.ts";
import type { AnyBody, TestServer } from "./server.ts";

/** A valid request for an OAuth client: a confidential one with the scope `openid` by default. */
export const clientFields = (fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => ({
  kind: "confidential",
  name: `Client ${unique()}`,
  scopes: ["openid"],
  ...(fields["kind"] === "service" ? {} : { redirectUris: ["https://app.example.com/callback"] }),
  ...fields,
});

/** A new OAuth client. The answer has its secret. */
export const newClient = (server: TestServer, token: string, fields: Readonly<Record<string, unknown>>): Promise<AnyBody> =>
  expectOk(server.call("POST /api/v1/clients", { token, body: clientFields(fields) }));
