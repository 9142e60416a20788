/** The mechanisms by which the product names itself to Kafka (SASL), by Kafka's names. */
export const saslMechanisms = ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] as const;
export type SaslMechanism = (typeof saslMechanisms)[number];

/** Where a Kafka cluster is, and how it is spoken to. */
export interface KafkaAddress {
  readonly nodes: readonly KafkaNode[];
  readonly tls: boolean;
  readonly sasl: { readonly mechanism: SaslMechanism; readonly username: string; readonly password: string } | undefined;
}

export interface KafkaNode {
  readonly host: string;
  readonly port: number;
}

/** What {@link parseKafkaAddress} reads, in the words of a message about a wrong one. */
export const kafkaAddressForm =
  "kafka://[user:password@]host[:port],host[:port][?mechanism=…] (kafkas:// for TLS; the mechanism is SCRAM-SHA-512, " +
  "SCRAM-SHA-256, or over TLS PLAIN)";

// Several hosts with their ports are no URL to Node, so the parts are taken apart here.
const form = /^kafka(s?):\/\/(?:([^:@/?#\s]+):([^:@/?#\s]+)@)?([^@/?#\s]+)\/?(?:\?([^#\s]*))?$/;
/** Kafka's own port; those who listen with TLS beside it say another. */
const portDefault = 9_092;

/** The address that `text` writes; undefined where it writes none. User and password are percent-encoded, as in every address. */
export function parseKafkaAddress(text: string): KafkaAddress | undefined {
  const parts = form.exec(text);
  if (parts === null) return undefined;
  const [, s, username, password, hosts, query = ""] = parts as unknown as [string, string, string?, string?, string?, string?];
  const tls = s === "s";
  const nodes = (hosts as string).split(",").map(parseNode);
  const sasl = parseSasl(username, password, query, tls);
  return nodes.includes(undefined) || sasl === "wrong" ? undefined : { nodes: nodes as KafkaNode[], tls, sasl };
}

/**
 * Without a word about it, the strongest mechanism that Kafka has for passwords. PLAIN hands the password over as it is, so it is
 * taken over TLS only: whoever listens on the way could otherwise publish in the product's name.
 */
function parseSasl(
  username: string | undefined,
  password: string | undefined,
  query: string,
  tls: boolean,
): KafkaAddress["sasl"] | "wrong" {
  const parameters = new URLSearchParams(query);
  if ([...parameters.keys()].some((name) => name !== "mechanism")) return "wrong";
  const [asked, ...more] = parameters.getAll("mechanism");
  if (more.length > 0) return "wrong";
  if (username === undefined || password === undefined) return asked === undefined ? undefined : "wrong";
  const mechanism = saslMechanisms.find((known) => known === (asked ?? saslMechanisms[0]).toUpperCase());
  const credentials = [decoded(username), decoded(password)];
  if (mechanism === undefined || (mechanism === "PLAIN" && !tls) || credentials.includes(undefined)) return "wrong";
  return { mechanism, username: credentials[0] as string, password: credentials[1] as string };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function parseNode(text: string): KafkaNode | undefined {
  if (!URL.canParse(`kafka://${text}`)) return undefined;
  const { hostname, port } = new URL(`kafka://${text}`);
  return hostname === "" ? undefined : { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? portDefault : Number(port) };
}
