/** Why a URI cannot be registered. */
export interface UriIssue {
  readonly rule: string;
  readonly message: string;
}

/** The characters of a URI (RFC 3986 §2) without `#`, and without `*`, which other servers read as a wildcard. */
const allowedCharacters = /^[A-Za-z0-9\-._~:/?@!$&'()+,;=%[\]]+$/;
const neverEscaped = /[\p{Cc}\\]/u;
const loopbackHosts: ReadonlySet<string> = new Set(["127.0.0.1", "[::1]", "localhost"]);
/** A private-use scheme: a domain name in reverse order (RFC 8252 §7.1), so it has a dot. */
const privateUseScheme = /^[a-z][a-z\d+-]*(?:\.[a-z\d+-]+)+:$/;

/** The checks of every URI, in their order. */
const checks: readonly (UriIssue & { readonly fails: (text: string) => boolean })[] = [
  { rule: "fragment", message: "has a fragment (RFC 6749 §3.1.2)", fails: (text) => text.includes("#") },
  {
    rule: "characters",
    message: "has a character that is not allowed, also escaped: a control character, a backslash, a wildcard, or text that is not UTF-8",
    fails: (text) => !allowedCharacters.test(text) || !isDecodable(text),
  },
  { rule: "absolute", message: "is not an absolute URI", fails: (text) => !URL.canParse(text) },
  {
    rule: "credentials",
    message: "has a user name or a password",
    fails: (text) => new URL(text).username !== "" || new URL(text).password !== "",
  },
  {
    rule: "normalized",
    message: "is not in its normal form: with a host in lower case, without the default port, dot segments and encoded slashes in the path",
    fails: (text) => !isNormalized(text),
  },
];

/** Whether the escapes are UTF-8 and contain no control character and no backslash, which some programs decode too early. */
function isDecodable(text: string): boolean {
  try {
    return !neverEscaped.test(decodeURIComponent(text));
  } catch {
    return false;
  }
}

/**
 * Whether every program reads the same from a URI: what a browser makes of it (WHATWG URL) is the text itself, and no program makes another
 * path of it by decoding. An empty path is `/`.
 */
function isNormalized(text: string): boolean {
  const { href, host, pathname } = new URL(text);
  return (href === text || href === `${text}/`) && !host.includes("%") && !/%2f/i.test(pathname);
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
 * exactly, but for the port of a loopback address of a public client.
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
