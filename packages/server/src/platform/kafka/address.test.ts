import { expect, it } from "vitest";
import { kafkaConnection } from "../broker/kafka-connection.ts";
import { type KafkaAddress, parseKafkaAddress } from "./address.ts";

const user = { username: "gatehouse", password: "s:cret@/?" };
const credentials = `gatehouse:${encodeURIComponent(user.password)}`;

it.each<[string, KafkaAddress]>([
  ["kafka://one", { nodes: [{ host: "one", port: 9092 }], tls: false, sasl: undefined }],
  [
    "kafkas://one:9093,two,[::1]:9094/",
    {
      nodes: [
        { host: "one", port: 9093 },
        { host: "two", port: 9092 },
        { host: "::1", port: 9094 },
      ],
      tls: true,
      sasl: undefined,
    },
  ],
  [`kafka://${credentials}@one`, { nodes: [{ host: "one", port: 9092 }], tls: false, sasl: { mechanism: "SCRAM-SHA-512", ...user } }],
  [
    `kafkas://${credentials}@one:9093,two:9093?mechanism=scram-sha-256`,
    {
      nodes: [
        { host: "one", port: 9093 },
        { host: "two", port: 9093 },
      ],
      tls: true,
      sasl: { mechanism: "SCRAM-SHA-256", ...user },
    },
  ],
  [
    `kafkas://${credentials}@one?mechanism=PLAIN`,
    { nodes: [{ host: "one", port: 9092 }], tls: true, sasl: { mechanism: "PLAIN", ...user } },
  ],
])("the Kafka address %s is parsed", (text, expected) => {
  expect(parseKafkaAddress(text)).toEqual(expected);
});

it.each([
  "kafka://",
  "kafka:one",
  "kafka://one,,two",
  "kafka://one:port",
  "kafka://one/path",
  "kafka://one two",
  // A user without a password, and a password without a user.
  "kafkas://user@one",
  "kafkas://:password@one",
  // An ignored parameter would hide a mistake.
  "kafkas://one?mechanism=PLAIN",
  `kafkas://${credentials}@one?ssl=true`,
  `kafkas://${credentials}@one?mechanism=PLAIN&mechanism=SCRAM-SHA-256`,
  `kafkas://${credentials}@one?mechanism=OAUTHBEARER`,
  "kafkas://user:%E0%A4%A@one",
  // The password would be sent in plaintext.
  `kafka://${credentials}@one?mechanism=PLAIN`,
])("the Kafka address %s is rejected", (text) => {
  expect(parseKafkaAddress(text)).toBeUndefined();
});

it("the Kafka client's options request TLS with the cluster's name, and omit options that are not set", () => {
  const of = (text: string, ca?: string) => kafkaConnection(parseKafkaAddress(text) as KafkaAddress, 1_000, ca);
  expect(of("kafka://one")).toEqual({ clientId: "gatehouse", bootstrapBrokers: [{ host: "one", port: 9092 }], timeout: 1_000, retries: 1 });
  expect(of("kafkas://one", "PEM")).toMatchObject({ tls: { ca: "PEM" }, tlsServerName: true });
  expect(of("kafkas://10.0.0.1")).toMatchObject({ tls: { minVersion: "TLSv1.2" } });
  expect(of("kafkas://10.0.0.1,one")).not.toHaveProperty("tlsServerName");
  for (const text of ["kafkas://one", `kafkas://${credentials}@one`]) expect(of(text).tls).not.toHaveProperty("rejectUnauthorized");
});
