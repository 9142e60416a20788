import { isIP } from "node:net";
import type { ConnectionOptions } from "@platformatic/kafka";
import type { KafkaAddress, KafkaNode } from "../kafka/address.ts";

/** Options of every Kafka client. */
export interface KafkaConnection extends Pick<ConnectionOptions, "tls" | "tlsServerName" | "sasl"> {
  readonly clientId: string;
  readonly bootstrapBrokers: KafkaNode[];
  /** Time limit of one request. */
  readonly timeout: number;
  readonly retries: number;
}

/**
 * `ca` has the certificates (PEM) of the cluster's authority, instead of those that Node trusts. With TLS, a certificate is always
 * required and verified, without an option to disable it.
 */
export function kafkaConnection({ nodes, tls, sasl }: KafkaAddress, timeout: number, ca: string | undefined): KafkaConnection {
  return {
    clientId: "gatehouse",
    bootstrapBrokers: [...nodes],
    timeout,
    retries: 1,
    ...(sasl === undefined ? {} : { sasl }),
    ...(tls ? { tls: { minVersion: "TLSv1.2", ...(ca === undefined ? {} : { ca }) } } : {}),
    // SNI distinguishes clusters behind one address; an IP address is not allowed in it (RFC 6066 §3).
    ...(tls && nodes.every(({ host }) => isIP(host) === 0) ? { tlsServerName: true } : {}),
  };
}
