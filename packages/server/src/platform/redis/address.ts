/** The address of a Redis in one of three forms; each may begin with `rediss` for TLS. */
export type RedisAddress =
  /** `redis://user:password@host:6379/0` */
  | { readonly form: "single"; readonly url: string; readonly tls: boolean }
  /** `redis+sentinel://user:password@host:26379,host:26379/name-of-the-master?db=0` */
  | ({ readonly form: "sentinel"; readonly master: string; readonly db: number } & Nodes)
  /** `redis+cluster://user:password@host:6379,host:6379` */
  | ({ readonly form: "cluster" } & Nodes);

interface Nodes {
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

// An address with several hosts is not a valid URL, so it is parsed here.
const several = /^(rediss?)\+(sentinel|cluster):\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^/?@]+)(?:\/([^?]*))?(?:\?db=(\d+))?$/;

/** Parses an address; undefined if `text` is invalid. */
export function parseRedisAddress(text: string): RedisAddress | undefined {
  const match = several.exec(text);
  if (match === null) return parseSingle(text);
  const [, scheme, form, username, password, hosts, path, db] = match as unknown as string[];
  const nodes = (hosts as string).split(",").map((host) => parseHost(host, form === "sentinel" ? 26_379 : 6_379));
  if (nodes.some((node) => node === undefined)) return undefined;
  const shared = {
    nodes: nodes as Nodes["nodes"],
    tls: scheme === "rediss",
    username: username ? decodeURIComponent(username) : undefined,
    password: password ? decodeURIComponent(password) : undefined,
  };
  if (form === "cluster") return path || db ? undefined : { form, ...shared };
  return path ? { form: "sentinel", master: decodeURIComponent(path), db: Number(db ?? 0), ...shared } : undefined;
}

function parseSingle(text: string): RedisAddress | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, pathname } = new URL(text);
  const fits = /^rediss?:$/.test(protocol) && hostname !== "" && /^(\/\d*)?$/.test(pathname);
  return fits ? { form: "single", url: text, tls: protocol === "rediss:" } : undefined;
}

function parseHost(text: string, fallback: number): { host: string; port: number } | undefined {
  if (!URL.canParse(`redis://${text}`)) return undefined;
  const { hostname, port } = new URL(`redis://${text}`);
  return hostname === "" ? undefined : { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? fallback : Number(port) };
}
