import { describe, expect, it } from "vitest";
import { banner } from "./banner.ts";
import { readConfiguration } from "./configuration.ts";

const bannerOf = (environment: Readonly<Record<string, string>>): string =>
  banner(readConfiguration(environment), "http://127.0.0.1:8080", null);

describe("the banner of a start", () => {
  it("names this process where no service is configured", () => {
    expect(bannerOf({})).toContain("  cache and limits, events, requests: in this process\n");
    expect(bannerOf({})).toContain("  mails: not sent, shown at http://127.0.0.1:8080/dev/inbox\n");
  });

  it("names each configured service without the secrets in its address", () => {
    const all = bannerOf({
      REDIS_URL: "redis://:hunter2@cache:6379",
      EVENTS_URL: "amqp://user:hunter2@broker",
      NATS_URL: "nats://user:hunter2@bus",
      SMTP_URL: "smtp://user:hunter2@mail.example.com:587",
    });
    expect(all).toContain("  cache and limits: Redis; events: RabbitMQ; requests: NATS\n");
    expect(all).toContain("  mails: sent to mail.example.com:587\n");
    expect(all).not.toContain("hunter2");
    expect(bannerOf({ EVENTS_URL: "kafka://one:9092,two:9092" })).toContain(
      "  events: Kafka; cache and limits, requests: in this process\n",
    );
    expect(bannerOf({ EVENTS_URL: "nats://bus" })).toContain("  events: NATS JetStream; ");
  });
});
