/** The SASL mechanisms for authentication to Kafka, by Kafka's names. */
export const saslMechanisms = ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] as const;
export type SaslMechanism = (typeof saslMechanisms)[number];

/** The address of a Kafka cluster, and how to connect to it. */
export interface KafkaAddress {
  readonly nodes: readonly KafkaNode[];
  readonly tls: boolean;
  readonly sasl: { readonly mechanism: SaslMechanism; readonly username: string; readonly password: string } | undefined;
}

export interface KafkaNode {
  readonly host: string;
  readonly port: number;
}

/** The form that {@link parseKafkaAddress} accepts, for error messages. */
export const kafkaAddressForm =
  "kafka://[user:password@]host[:port],host[:port][?mechanism=…] (kafkas:// for TLS; the mechanism is SCRAM-SHA-512, " +
  "SCRAM-SHA-256, or over TLS PLAIN)";

// Node does not parse a URL with several hosts, so it is parsed here.
const form = /^kafka(s?):\/\/(?:([^:@/?#\s]+):([^:@/?#\s]+)@)?([^@/?#\s]+)\/?(?:\?([^#\s]*))?$/;
/** Kafka's default port; TLS listeners usually have another one. */
const portDefault = 9_092;

/** Parses an address; undefined if `text` is invalid. User and password are percent-encoded, as in every URL. */
export function parseKafkaAddress(text: string): KafkaAddress | undefined {
  const match = form.exec(text);
  if (match === null) return undefined;
  const [, s, username, password, hosts, query = ""] = match as unknown as [string, string, string?, string?, string?, string?];
  const tls = s === "s";
  const nodes = (hosts as string).split(",").map(parseNode);
  const sasl = parseSasl(username, password, query, tls);
  return nodes.includes(undefined) || sasl === "wrong" ? undefined : { nodes: nodes as KafkaNode[], tls, sasl };
}

/**
 * By default, the strongest mechanism that Kafka has for passwords. PLAIN sends the password in plaintext, so it is
 * accepted over TLS only: an eavesdropper could otherwise publish as the product.
 */
function parseSasl(
  username: string | undefined,
  password: string | undefined,
  query: string,
  tls: boolean,
): KafkaAddress["sasl"] | "wrong" {
  const parameters = new URLSearchParams(query);
  if ([...parameters.keys()].some((name) => name !== "mechanism")) return "wrong";
  const [requested, ...more] = parameters.getAll("mechanism");
  if (more.length > 0) return "wrong";
  if (username === undefined || password === undefined) return requested === undefined ? undefined : "wrong";
  const mechanism = saslMechanisms.find((known) => known === (requested ?? saslMechanisms[0]).toUpperCase());
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
