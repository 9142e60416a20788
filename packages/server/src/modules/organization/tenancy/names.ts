import type { ErrorDetail } from "#operation/declaration/errors.ts";
import { nameKey } from "#platform/names/name-key.ts";
import type { KeyColumn } from "#platform/names/stored-keys.ts";

/** One name for all that look alike, over all organizations. */
export const organizationNames: KeyColumn<"name_key"> = {
  table: "organizations",
  of: "name",
  key: "name_key",
  keyOf: nameKey,
};

/** A slug is read in addresses, where these pairs are taken for one letter, too. */
const slugKey = (slug: string): string => nameKey(slug).replaceAll("rn", "m").replaceAll("vv", "w");

export const organizationSlugs: KeyColumn<"slug_key"> = {
  table: "organizations",
  of: "slug",
  key: "slug_key",
  keyOf: slugKey,
};

/**
 * What an address or a host name could be taken for the product's own by: first parts of our routes, names of hosts and mailboxes
 * (RFC 2142), and words that speak for whoever runs the product.
 */
export const reservedSlugs = [
  ..."api audit auth authzen access control dev docs errors events health iam internal invitations metrics openapi pages reset-password".split(
    " ",
  ),
  ..."schemas setup verify-email well-known assets static public favicon robots sitemap".split(" "),
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

/** The detail that says that a slug is none to be had, or looks like one; undefined otherwise. */
export const slugIssue = (slug: string): ErrorDetail | undefined =>
  reservedKeys.has(slugKey(slug)) ? { field: "slug", rule: "reserved", message: "is reserved" } : undefined;
