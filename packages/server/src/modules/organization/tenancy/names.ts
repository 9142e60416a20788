import type { ErrorDetail } from "#operation/declaration/errors.ts";
import { nameKey } from "#platform/names/name-key.ts";
import type { KeyColumn } from "#platform/names/stored-keys.ts";

/** The uniqueness key of organization names: names that look alike have the same key. */
export const organizationNames: KeyColumn<"name_key"> = {
  table: "organizations",
  of: "name",
  key: "name_key",
  keyOf: nameKey,
};

/** In addresses these letter pairs look like one letter. */
const slugKey = (slug: string): string => nameKey(slug).replaceAll("rn", "m").replaceAll("vv", "w");

export const organizationSlugs: KeyColumn<"slug_key"> = {
  table: "organizations",
  of: "slug",
  key: "slug_key",
  keyOf: slugKey,
};

/**
 * Slugs that would make an address or host name look like the product's own: first segments of its routes, names of hosts and mailboxes
 * (RFC 2142), and words that suggest the operator of the product.
 */
export const reservedSlugs = [
  ..."api audit auth authzen access control dev docs errors events forgot-password health iam internal invitations metrics oauth2 openapi pages reset-password".split(
    " ",
  ),
  ..."schemas setup signed-out verify-email well-known assets static public favicon robots sitemap".split(" "),
  ..."account accounts app apps billing console dashboard login logout me new oauth oidc openid organization organizations".split(" "),
  ..."password profile register saml scim session sessions settings sign-in sign-out sign-up signin signout signup sso token tokens".split(
    " ",
  ),
  ..."user users webhook webhooks graphql rest status search download downloads upload uploads blog forum community".split(" "),
  ..."www ftp mail email smtp imap pop pop3 ns ns1 ns2 mx dns autoconfig autodiscover wpad isatap localhost local broadcasthost".split(" "),
  ..."cdn edge gateway proxy vpn git ssh id idp".split(" "),
  ..."abuse contact help hostmaster info legal marketing news noc no-reply noreply postmaster press privacy sales security".split(" "),
  ..."ssladmin ssl-admin support team terms trust usenet uucp webmaster sysadmin mailer-daemon nobody".split(" "),
  ..."admin administrator administration everybody everyone gatehouse official operator owner platform root staff superuser system".split(
    " ",
  ),
  ..."undefined null none nil true false default anonymous unknown".split(" "),
] as const;
const reservedKeys: ReadonlySet<string> = new Set(reservedSlugs.map(slugKey));

/** The error detail for a reserved slug, or one that looks like a reserved slug; undefined otherwise. */
export const slugIssue = (slug: string): ErrorDetail | undefined =>
  reservedKeys.has(slugKey(slug)) ? { field: "slug", rule: "reserved", message: "is reserved" } : undefined;
