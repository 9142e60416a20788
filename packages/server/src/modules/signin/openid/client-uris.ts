/** Why a URI cannot be registered. */
export interface UriIssue {
  readonly rule: string;
  readonly message: string;
}

/** The characters of a URI (RFC 3986 §2) without `#`, and without `*`, which other servers read as a wildcard. */
const allowedCharacters = /^[A-Za-z0-9\-._~:/?@!$&'()+,;=%[\]]+$/;
/** An incomplete escape, or one of a control character, a backslash or DEL. */
const forbiddenEscape = /%(?![2-9A-Fa-f][0-9A-Fa-f])|%5c|%7f/i;
const loopbackHosts: ReadonlySet<string> = new Set(["127.0.0.1", "[::1]", "localhost"]);
/** A private-use scheme: a domain name in reverse order (RFC 8252 §7.1), so it has a dot. */
const privateUseScheme = /^[a-z][a-z\d+-]*(?:\.[a-z\d+-]+)+:$/;

/** The checks of every URI, in their order. */
const checks: readonly (UriIssue & { readonly fails: (text: string) => boolean })[] = [
  { rule: "fragment", message: "has a fragment (RFC 6749 §3.1.2)", fails: (text) => text.includes("#") },
  {
    rule: "characters",
    message: "has a character that is not allowed: a space, a wildcard, a backslash, a control character, or one that must be escaped",
    fails: (text) => !allowedCharacters.test(text) || forbiddenEscape.test(text),
  },
  { rule: "absolute", message: "is not an absolute URI", fails: (text) => !URL.canParse(text) },
  {
    rule: "credentials",
    message: "has a user name or a password",
    fails: (text) => new URL(text).username !== "" || new URL(text).password !== "",
  },
  {
    rule: "normalized",
    message: "is not in its normal form: with a host in lower case, without the default port and without dot segments",
    fails: (text) => !isNormalized(text),
  },
];

/**
 * Whether browsers and this server read the same from a URI: what a browser makes of it (WHATWG URL) is the text itself. An empty path
 * is `/`.
 */
function isNormalized(text: string): boolean {
  const { href } = new URL(text);
  return href === text || href === `${text}/`;
}

const issueOfAny = (text: string): UriIssue | undefined => checks.find(({ fails }) => fails(text));

const notHttps: UriIssue = { rule: "https", message: "does not use https" };
const isLoopbackHttp = ({ protocol, hostname }: URL): boolean => protocol === "http:" && loopbackHosts.has(hostname);

/** Whether the server itself is used without https on this machine. Then its clients may be, too. */
export const isDevelopment = (publicUrl: string): boolean => isLoopbackHttp(new URL(publicUrl));

/** Where clients may be in addition to https. */
export interface UriPolicy {
  /** Public clients are on users' devices: loopback addresses and private-use schemes reach them there (RFC 8252 §7). */
  readonly isPublic: boolean;
  /** See {@link isDevelopment}. */
  readonly development: boolean;
}

/**
 * Why a URI cannot be a redirect URI (RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §2.1); undefined if it can. Requests must name a registered URI
 * exactly, but for the port of a loopback address.
 */
export function redirectUriIssue(text: string, { isPublic, development }: UriPolicy): UriIssue | undefined {
  const issue = issueOfAny(text);
  if (issue !== undefined) return issue;
  const uri = new URL(text);
  if (uri.protocol === "https:") return undefined;
  if (uri.protocol === "http:") {
    if (isLoopbackHttp(uri) && (isPublic || development)) return undefined;
    return isPublic ? { rule: "https", message: "uses http with a host that is not a loopback address" } : notHttps;
  }
  if (!isPublic) return notHttps;
  if (!privateUseScheme.test(uri.protocol)) return { rule: "scheme", message: "has a scheme without a dot (RFC 8252 §7.1)" };
  return text[uri.protocol.length] === "/" ? undefined : { rule: "scheme", message: "has no / after its scheme (RFC 8252 §7.1)" };
}

/** Why a URI of a web page or web service cannot be registered; undefined if it can. */
export function webUriIssue(text: string, { development }: Pick<UriPolicy, "development">): UriIssue | undefined {
  const issue = issueOfAny(text);
  if (issue !== undefined) return issue;
  const uri = new URL(text);
  return uri.protocol === "https:" || (development && isLoopbackHttp(uri)) ? undefined : notHttps;
}
