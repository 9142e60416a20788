import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { Writable } from "node:stream";
import { createServer } from "node:tls";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { pino } from "pino";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { Unavailable } from "../database/driver-errors.ts";
import { type SaslMechanism, saslMechanisms } from "../kafka/address.ts";
import type { Broker } from "./broker.ts";
import { impatient } from "./conformance/broker-fixture.ts";
import { selfSigned } from "./conformance/certificates.ts";
import { mockCluster, wireToMock } from "./conformance/kafka-mock.ts";
import { kafkaBroker } from "./kafka.ts";

/*
 * Without a Kafka broker with TLS and SASL, these tests use the mock cluster of librdkafka behind a proxy that terminates TLS
 * (node:tls) and forwards only authenticated clients (kafka-listener.ts; scram-server.test.ts checks its SCRAM against RFC 7677's example).
 * They prove what each of the product's clients sends and rejects: admin, producer, consumer, reader of dead letters. They do
 * not test a broker's own configuration.
 */
const isRequested = process.env["TEST_BACKEND"] === "postgresql";
const cluster = isRequested ? await mockCluster() : undefined;
const certificate = isRequested ? selfSigned("IP:127.0.0.1") : undefined;
const account = { username: "gatehouse", password: "s:cret,=@/? “ünïcode”" };
const credentials = `${account.username}:${encodeURIComponent(account.password)}`;
const confirmMs = 2_500;

if (cluster === undefined || certificate === undefined) {
  describe.skip("Kafka over TLS and SASL (skipped: npm run test:services runs it with kcat and openssl)", () => {});
} else
  describe("Kafka over TLS and SASL", () => {
    const started: Broker[] = [];
    const wires: { cut(): Promise<void> }[] = [];
    const logged: string[] = [];
    const logger = pino(
      { level: "trace" },
      new Writable({
        write(chunk, _encoding, done) {
          logged.push(String(chunk));
          done();
        },
      }),
    );
    const start = (url: string, ca?: string): Broker => {
      const broker = kafkaBroker(url, logger, { retry: impatient, confirmMs, sessionMs: 3_000, ca });
      started.push(broker);
      return broker;
    };
    const wire = async (given: Parameters<typeof wireToMock>[1]): Promise<string> => {
      const { address, line } = await wireToMock(cluster.port, given);
      wires.push(line);
      return address;
    };
    afterEach(async () => {
      await Promise.all(started.splice(0).map((broker) => broker.close()));
      await Promise.all(wires.splice(0).map((line) => line.cut()));
    });
    afterAll(() => cluster.close());

    const event = (type = "thing.happened.v1") => ({
      specversion: "1.0" as const,
      id: crypto.randomUUID(),
      source: "https://contract.example",
      type,
      subject: "thing/1",
    });

    /** Uses every kind of client: creates topics, and publishes, consumes, dead-letters, lists and redrives a message. */
    const worksWhole = async (broker: Broker): Promise<void> => {
      const exchange = `secured.${crypto.randomUUID().slice(0, 8)}`;
      const consumer = { name: `${exchange}.consumer`, exchange };
      const came: string[] = [];
      let failing = true;
      const handle = async ({ event: { id } }: { readonly event: { readonly id: string } }) => {
        if (failing) throw new Error("not now");
        came.push(id);
      };
      await broker.ping();
      await broker.consume({ ...consumer, topics: ["thing.*"], handle }).ready();
      const sent = event();
      await broker.publish([{ exchange, event: sent }]);
      const letters = broker.deadLetters(consumer);
      await eventually(() => letters.count()).toBe(1);
      failing = false;
      expect(await letters.redrive(sent.id)).toBe(true);
      await eventually(() => came).toEqual([sent.id]);
    };
    const isRefused = async (broker: Broker): Promise<string> => {
      broker.consume({ name: "secured.refused", exchange: "secured.refused", topics: ["thing.*"], handle: async () => {} });
      const failure = await broker.publish([{ exchange: "secured.refused", event: event() }]).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(Unavailable);
      // As the relay does.
      logger.warn({ err: failure }, "events could not be published");
      await expect(broker.ping()).rejects.toThrow(Unavailable);
      return causesOf(failure);
    };

    it.each<[SaslMechanism]>(saslMechanisms.map((mechanism) => [mechanism]))(
      "accepts clients authenticated by %s over TLS, and rejects another password, another user or none",
      async (mechanism) => {
        const address = await wire({ certificate, rules: { mechanism, account } });
        await worksWhole(start(`kafkas://${credentials}@${address}?mechanism=${mechanism}`, certificate.cert));
        for (const wrong of [`${credentials}x@`, `x${credentials}@`, ""]) {
          const query = wrong === "" ? "" : `?mechanism=${mechanism}`;
          const broker = start(`kafkas://${wrong}${address}${query}`, certificate.cert);
          await isRefused(broker);
          if (wrong !== "") expect(broker.refusal()).toMatch(/authentication/i);
        }
        await isRefused(
          start(`kafkas://${credentials}@${address}?mechanism=${saslMechanisms.find((other) => other !== mechanism)}`, certificate.cert),
        );
      },
      60_000,
    );

    it("accepts SASL without TLS if the mechanism does not send the password", async () => {
      const address = await wire({ rules: { mechanism: "SCRAM-SHA-512", account } });
      await worksWhole(start(`kafka://${credentials}@${address}`));
    }, 30_000);

    it("is rejected by clients if its certificate is of an untrusted authority", async () => {
      const address = await wire({ certificate });
      expect(await isRefused(start(`kafkas://${address}`))).toMatch(/self-signed certificate|SELF_SIGNED/);
      expect(await isRefused(start(`kafkas://${address}`, selfSigned("IP:127.0.0.1")?.cert))).toMatch(
        /self-signed certificate|SELF_SIGNED/,
      );
    }, 30_000);

    it("is rejected by clients if its certificate is for another name", async () => {
      const other = selfSigned("DNS:kafka.example") as NonNullable<typeof certificate>;
      const address = await wire({ certificate: other });
      expect(await isRefused(start(`kafkas://${address}`, other.cert))).toMatch(/altnames/);
    }, 30_000);

    it("is rejected by clients without TLS if TLS is configured, and vice versa", async () => {
      await isRefused(start(`kafkas://${await wire({})}`, certificate.cert));
      await isRefused(start(`kafka://${await wire({ certificate })}`));
    }, 30_000);

    it("receives no password and no message from clients that do not trust it", async () => {
      const received: Buffer[] = [];
      const listener = createServer({ ...certificate }, (socket) =>
        socket.on("data", (bytes) => received.push(bytes)).on("error", () => {}),
      );
      listener.listen(0, "127.0.0.1");
      await once(listener, "listening");
      const address = `127.0.0.1:${(listener.address() as AddressInfo).port}`;
      const refused = once(listener, "tlsClientError");
      await isRefused(start(`kafkas://${credentials}@${address}?mechanism=PLAIN`));
      await refused;
      listener.close();
      expect(received).toEqual([]);
    }, 30_000);

    it("has no password in the log", () => {
      for (const said of ["events could not be published", "Kafka could not be read"]) expect(logged.join("")).toContain(said);
      for (const secret of [account.password, encodeURIComponent(account.password), "s:cret"]) {
        expect(logged.join("")).not.toContain(secret);
      }
    });
  });

function causesOf(error: unknown): string {
  const texts: string[] = [];
  const seen = new Set<unknown>();
  const tell = (one: unknown): void => {
    if (!(one instanceof Error) || seen.has(one)) return;
    seen.add(one);
    texts.push(`${(one as { code?: string }).code ?? ""} ${one.message}`);
    tell(one.cause);
    for (const inner of (one as AggregateError).errors ?? []) tell(inner);
  };
  tell(error);
  return texts.join("\n");
}
