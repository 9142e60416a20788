import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { freePort } from "@gatehouse/testing/free-port.ts";
import { listens, services } from "@gatehouse/testing/services.ts";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { pino } from "pino";
import { Connection } from "rabbitmq-client";
import { afterEach, describe, expect, it } from "vitest";
import { Unavailable } from "../database/driver-errors.ts";
import type { Broker } from "./broker.ts";
import { impatient } from "./conformance/broker-fixture.ts";
import { jetstreamBroker } from "./jetstream.ts";
import { rabbitmqBroker } from "./rabbitmq.ts";
import { Refusals, refusalIn } from "./refusals.ts";

const password = "a-wr0ng-password";
const lines: { readonly msg: string; readonly level: number; readonly refusal?: string }[] = [];
const logger = pino(
  { level: "info" },
  new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  }),
);
const started: Broker[] = [];
const opened = (broker: Broker): Broker => {
  started.push(broker);
  return broker;
};
afterEach(async () => {
  await Promise.all(started.splice(0).map((broker) => broker.close()));
  lines.length = 0;
});
const name = (): string => `refused.${randomBytes(5).toString("hex")}`;
const errors = () => lines.filter(({ level }) => level === 50);
/** Expects one log line for the refusal, whatever the number of attempts, and no password in the log. */
const isToldOnce = (words: RegExp): void => {
  expect(errors().filter(({ msg }) => words.test(msg))).toHaveLength(1);
  expect(JSON.stringify(lines)).not.toContain(password);
};

describe("a refusal", () => {
  const error = (message: string, more: object, cause?: unknown) => Object.assign(new Error(message, { cause }), more);

  it.each([
    ["RabbitMQ", error("access refused", { code: "ACCESS_REFUSED" }), "ACCESS_REFUSED: access refused"],
    ["JetStream", error("subjects overlap", { name: "JetStreamApiError", code: 10_065, status: 400 }), "subjects overlap"],
    ["Kafka", error("no", { code: "PLT_KFK_PROTOCOL", apiId: "TOPIC_AUTHORIZATION_FAILED" }), "TOPIC_AUTHORIZATION_FAILED: no"],
    ["a certificate", error("self-signed certificate", { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }), /self-signed/],
  ])("of %s is found as the cause of another error, and in an aggregate error", (_what, refusal, words) => {
    const expected = typeof words === "string" ? words : expect.stringMatching(words);
    expect(refusalIn(new Unavailable("broker", refusal))).toEqual(expected);
    expect(refusalIn(new AggregateError([new Error("other"), refusal]))).toEqual(expected);
  });

  it("is not an error of an unavailable broker", () => {
    for (const away of [
      error("connect ECONNREFUSED", { code: "ECONNREFUSED" }),
      error("stream not found", { name: "JetStreamApiError", status: 404 }),
      "x",
    ]) {
      expect(refusalIn(new Unavailable("broker", away))).toBeUndefined();
    }
  });

  it("is logged once without secrets and addresses, and its end is logged", async () => {
    const refusals = new Refusals("a broker", logger);
    const refused = () => Promise.reject(error(`amqp://user:${password}@10.1.2.3:5672 says no`, { code: "NOT_ALLOWED" }));
    for (let time = 0; time < 3; time += 1) await expect(refusals.at("publishing", refused)).rejects.toThrow();
    expect(refusals.sentence).toMatch(/^publishing: NOT_ALLOWED: .*says no$/);
    expect(refusals.sentence).not.toContain("10.1.2.3");
    isToldOnce(/publishing: NOT_ALLOWED/);
    await refusals.at("publishing", async () => {});
    expect(refusals.sentence).toBeUndefined();
    expect(lines.at(-1)?.msg).toContain("no longer refuses");
  });
});

const withRabbitmq = (await listens("rabbitmq")) ? describe : describe.skip;
withRabbitmq("RabbitMQ that refuses (skipped where RabbitMQ does not answer)", () => {
  const options = { retry: impatient, confirmMs: 3_000 };
  const onChannel = async (work: (connection: Connection) => Promise<unknown>): Promise<void> => {
    const connection = new Connection(services.rabbitmq);
    try {
      await work(connection);
    } finally {
      await connection.close();
    }
  };

  it("reports a wrong password with its own error text", async () => {
    const url = new URL(services.rabbitmq);
    url.password = password;
    const broker = opened(rabbitmqBroker(url.href, logger, options));
    await expect(broker.ping()).rejects.toThrow(Unavailable);
    expect(broker.refusal()).toMatch(/connection: ACCESS_REFUSED/);
    await expect(broker.prepare(name())).rejects.toThrow(Unavailable);
    isToldOnce(/ACCESS_REFUSED/);
  });

  it("reports an exchange of another type before anything is published, and works once that is deleted", async () => {
    const exchange = name();
    await onChannel((connection) => connection.exchangeDeclare({ exchange, type: "direct", durable: true }));
    const broker = opened(rabbitmqBroker(services.rabbitmq, logger, options));
    for (let time = 0; time < 2; time += 1) await expect(broker.prepare(exchange)).rejects.toThrow(Unavailable);
    expect(broker.refusal()).toMatch(/publishing: PRECONDITION_FAILED.*'type'/);
    isToldOnce(/PRECONDITION_FAILED/);
    await broker.ping();
    expect(await broker.inspect({ exchanges: [exchange], consumers: [] })).toEqual([
      expect.stringMatching(`^the exchange ${exchange}: .*'type'`),
    ]);
    await onChannel((connection) => connection.exchangeDelete({ exchange }));
    await broker.prepare(exchange);
    expect(broker.refusal()).toBeUndefined();
    await onChannel((connection) => connection.exchangeDelete({ exchange }));
  });

  it("reports a reserved name like a missing permission", async () => {
    const broker = opened(rabbitmqBroker(services.rabbitmq, logger, options));
    await expect(broker.prepare("amq.gatehouse")).rejects.toThrow(Unavailable);
    expect(broker.refusal()).toMatch(/publishing: ACCESS_REFUSED/);
  });

  it("reports a consumer's queue with another declaration", async () => {
    const [queue, exchange] = [name(), name()];
    await onChannel((connection) => connection.queueDeclare({ queue, durable: true }));
    const broker = opened(rabbitmqBroker(services.rabbitmq, logger, options));
    broker.consume({ name: queue, exchange, topics: ["thing.*"], handle: async () => {} });
    await eventually(() => broker.refusal() ?? "").toContain(`consuming ${queue}: PRECONDITION_FAILED`);
    expect(await broker.inspect({ exchanges: [], consumers: [{ name: queue, exchange }] })).toEqual([
      expect.stringMatching(`^the queue ${queue}: PRECONDITION_FAILED`),
    ]);
    isToldOnce(/PRECONDITION_FAILED/);
    await broker.close();
    await onChannel((connection) => connection.queueDelete({ queue }));
  });
});

const withNats = (await listens("nats")) ? describe : describe.skip;
withNats("JetStream that refuses (skipped where NATS does not answer)", () => {
  it("reports a wrong password, retries, and works once the login is accepted", async () => {
    const [port, folder] = [await freePort(), mkdtempSync(join(tmpdir(), "gatehouse-nats-"))];
    const serve = async (right: string) => {
      const arguments_ = ["-a", "127.0.0.1", "-p", String(port), "-js", "-sd", folder, "--user", "gate", "--pass", right];
      const server = spawn("nats-server", arguments_, { stdio: "ignore" });
      return async () => {
        const ended = once(server, "exit");
        server.kill();
        await ended;
      };
    };
    let stop = await serve("another");
    try {
      const broker = opened(jetstreamBroker(`nats://gate:${password}@127.0.0.1:${port}`, logger, { confirmMs: 2_000 }));
      await eventually(() => broker.refusal() ?? "").toMatch(/connection: .*authorization violation/i);
      await expect(broker.ping()).rejects.toThrow(Unavailable);
      isToldOnce(/authorization violation/i);
      await stop();
      stop = await serve(password);
      await eventually(() =>
        broker.prepare("refused.let-in").then(
          () => "let in",
          () => "not yet",
        ),
      ).toBe("let in");
      expect(broker.refusal()).toBeUndefined();
      await broker.close();
    } finally {
      await stop();
      rmSync(folder, { recursive: true });
    }
  });

  it("reports a stream with other subjects, and subjects of another stream", async () => {
    const nats = await connect({ servers: new URL(services.nats).host });
    const { streams } = await jetstreamManager(nats);
    const [other, taken] = [name(), name()];
    try {
      await streams.add({ name: other.replaceAll(".", "-"), subjects: [`elsewhere.${other}.>`] });
      await streams.add({ name: `holder-${taken.replaceAll(".", "-")}`, subjects: [`${taken}.>`] });
      const broker = opened(jetstreamBroker(services.nats, logger, { confirmMs: 2_000 }));
      await expect(broker.prepare(other)).rejects.toThrow(Unavailable);
      expect(broker.refusal()).toContain(`and not ${other}.>`);
      expect(await broker.inspect({ exchanges: [other, taken], consumers: [] })).toEqual([expect.stringContaining(`and not ${other}.>`)]);
      await expect(broker.prepare(taken)).rejects.toThrow(Unavailable);
      expect(broker.refusal()).toMatch(/publishing: .*overlap/);
    } finally {
      await streams.delete(other.replaceAll(".", "-"));
      await streams.delete(`holder-${taken.replaceAll(".", "-")}`);
      await nats.close();
    }
  });
});
