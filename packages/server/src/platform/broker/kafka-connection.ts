import { isIP } from "node:net";
import type { ConnectionOptions } from "@platformatic/kafka";
import type { KafkaAddress, KafkaNode } from "../kafka/address.ts";

/** What every client of Kafka here is made with. */
export interface KafkaConnection extends Pick<ConnectionOptions, "tls" | "tlsServerName" | "sasl"> {
  readonly clientId: string;
  readonly bootstrapBrokers: KafkaNode[];
  /** Of one request. */
  readonly timeout: number;
  readonly retries: number;
}

/**
 * `ca` has the certificates (PEM) of the authority that signs for the cluster, instead of those that Node trusts. A certificate is always
 * asked for and always verified: there is no way to say otherwise.
 */
export function kafkaConnection({ nodes, tls, sasl }: KafkaAddress, timeout: number, ca: string | undefined): KafkaConnection {
  return {
    clientId: "gatehouse",
    bootstrapBrokers: [...nodes],
    timeout,
    retries: 1,
    ...(sasl === undefined ? {} : { sasl }),
    ...(tls ? { tls: { minVersion: "TLSv1.2", ...(ca === undefined ? {} : { ca }) } } : {}),
    // Clusters behind one address are told apart by the name (SNI), which an IP address is not (RFC 6066 §3).
    ...(tls && nodes.every(({ host }) => isIP(host) === 0) ? { tlsServerName: true } : {}),
  };
}
