import { expectOk } from "./answers.ts";
import { anAddress, password } from "./people.ts";
import type { AnyBody, TestServer } from "./server.ts";

/** The answer of a sign-in with tokens. */
export const signInWithTokens = (server: TestServer, email: string, organizationId?: string): Promise<AnyBody> =>
  expectOk(
    server.call("POST /api/v1/iam/auth/login", {
      from: anAddress(),
      body: { email, password, issueTokens: true, ...(organizationId === undefined ? {} : { organizationId }) },
    }),
  );

/** The decoded part of a JWT, without verification: 0 is the header, 1 the claims. */
export const decodedPart = (token: string, part: 0 | 1): AnyBody =>
  JSON.parse(Buffer.from(token.split(".")[part] as string, "base64url").toString("utf8"));
