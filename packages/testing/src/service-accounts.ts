import { expectOk } from "./answers.ts";
import { unique } from "./people.ts";
import type { AnyBody, TestServer } from "./server.ts";

/** A new service account of an organization, or of the internal scope (null). */
export const newServiceAccount = (
  server: TestServer,
  token: string,
  organizationId: string | null,
  roleIds: readonly string[],
): Promise<AnyBody> =>
  expectOk(server.call("POST /api/v1/service-accounts", { token, body: { organizationId, name: `Service ${unique()}`, roleIds } }));

/** A new API key with the scope `Organization.Read` by default. The answer has its secret. */
export const newApiKey = (server: TestServer, token: string, fields: Readonly<Record<string, unknown>>): Promise<AnyBody> =>
  expectOk(server.call("POST /api/v1/api-keys", { token, body: { name: `Key ${unique()}`, scopes: ["Organization.Read"], ...fields } }));
