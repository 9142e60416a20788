import { silent } from "@gatehouse/testing/silent.ts";
import { describe } from "vitest";
import { brokerConformance } from "./conformance/broker-conformance.ts";
import { type BrokerUnderTest, impatient } from "./conformance/broker-fixture.ts";
import { kafkaMock } from "./conformance/kafka-mock.ts";
import { producedByKcat } from "./conformance/kcat.ts";
import { kafkaBroker } from "./kafka.ts";

const options = { retry: impatient, confirmMs: 2_500, sessionMs: 3_000 };
const given = process.env["TEST_KAFKA_URL"];
const isRequested = process.env["TEST_BACKEND"] === "postgresql";
const mock = given === undefined && isRequested ? await kafkaMock() : undefined;

if (given !== undefined) {
  brokerConformance(
    "Kafka",
    async (): Promise<BrokerUnderTest> => ({
      start: () => kafkaBroker(given, silent, options),
      foreign: producedByKcat(new URL(given).host),
      close: async () => {},
    }),
  );
} else if (mock !== undefined) {
  const { url, line, close } = mock;
  brokerConformance("Kafka (librdkafka's mock cluster)", async (): Promise<BrokerUnderTest> => {
    return { line, start: () => kafkaBroker(url, silent, options), foreign: producedByKcat(new URL(url).host), close };
  });
} else {
  describe.skip("broker: Kafka (skipped: npm run test:services runs it with TEST_KAFKA_URL, or with kcat, whose mock cluster stands for one)", () => {});
}
