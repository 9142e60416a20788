/** The addresses of the protocol. Those of discovery are fixed (RFC 8414 §3, OpenID Connect Discovery §4, RFC 9728 §3). */
export const paths = {
  authorization: "/oauth2/auth",
  token: "/oauth2/token",
  userinfo: "/oauth2/userinfo",
  introspection: "/oauth2/introspect",
  revocation: "/oauth2/revoke",
  end_session: "/oauth2/logout",
  pushed_authorization_request: "/oauth2/par",
  device_authorization: "/oauth2/device/auth",
  code_verification: "/oauth2/device",
  registration: "/oauth2/register",
  jwks: "/.well-known/jwks.json",
  interaction: "/oauth2/interaction",
} as const;

/** Asks whether to sign out, and takes the answer. */
export const logoutPage = `${paths.end_session}/confirm`;

export const protectedResourcePath = "/.well-known/oauth-protected-resource";

/** Every route of the HTTP application. The pages of interactions, devices and sign-out are others (runtime/pages). */
export const routes: readonly string[] = [
  "GET /.well-known/openid-configuration",
  "OPTIONS /.well-known/openid-configuration",
  "GET /.well-known/oauth-authorization-server",
  "OPTIONS /.well-known/oauth-authorization-server",
  `GET ${protectedResourcePath}`,
  `GET ${paths.authorization}`,
  `POST ${paths.authorization}`,
  `GET ${paths.authorization}/:uid`,
  `POST ${paths.token}`,
  `OPTIONS ${paths.token}`,
  `GET ${paths.userinfo}`,
  `POST ${paths.userinfo}`,
  `OPTIONS ${paths.userinfo}`,
  `POST ${paths.introspection}`,
  `OPTIONS ${paths.introspection}`,
  `POST ${paths.revocation}`,
  `OPTIONS ${paths.revocation}`,
  `GET ${paths.end_session}`,
  `POST ${paths.end_session}`,
  `GET ${paths.end_session}/success`,
  `GET ${paths.end_session}/details`,
  `POST ${logoutPage}`,
  `POST ${paths.registration}`,
  `POST ${paths.pushed_authorization_request}`,
  `OPTIONS ${paths.pushed_authorization_request}`,
  `POST ${paths.device_authorization}`,
  `OPTIONS ${paths.device_authorization}`,
  `GET ${paths.code_verification}/details`,
  `POST ${paths.code_verification}`,
  `GET ${paths.interaction}/:uid/details`,
  `POST ${paths.interaction}/:uid`,
];
