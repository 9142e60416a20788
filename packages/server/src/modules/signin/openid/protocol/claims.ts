import type { User } from "#modules/foundation/identity/index.ts";

/** The claims of each scope (OpenID Connect Core §5.4), and of the two of this product. */
export const claimsOfScopes = {
  openid: ["sub", "acr", "amr", "auth_time"],
  profile: ["name", "given_name", "family_name", "locale", "updated_at"],
  email: ["email", "email_verified"],
  organization: ["organization"],
  roles: ["roles"],
} as const;

/** The claims about a user, without those of their organization. `sub` is the id of the user, the same for every client. */
export const userClaims = ({ id, email, firstName, lastName, locale, updatedAt }: User) => ({
  sub: id,
  name: `${firstName} ${lastName}`.trim(),
  given_name: firstName,
  family_name: lastName,
  locale,
  email,
  // Only active users get tokens, and a user becomes active with a verified address.
  email_verified: true,
  updated_at: Math.floor(Date.parse(updatedAt) / 1_000),
});

/** The authentication context classes: with one factor, and with a second one. */
export const contextClasses = { oneFactor: "urn:gatehouse:acr:one-factor", twoFactors: "urn:gatehouse:acr:two-factors" } as const;

/** The context class of authentication methods (RFC 8176). */
export const contextClassOf = (methods: readonly string[]): string =>
  methods.includes("mfa") || methods.length > 1 ? contextClasses.twoFactors : contextClasses.oneFactor;
