import { describe } from "vitest";
import { silent } from "../contract/silent.ts";
import { brokerContract } from "./contract/broker-contract.ts";
import { type BrokerUnderTest, impatient } from "./contract/broker-fixture.ts";
import { kafkaMock } from "./contract/kafka-mock.ts";
import { producedByKcat } from "./contract/kcat.ts";
import { kafkaBroker } from "./kafka.ts";

const options = { retry: impatient, confirmMs: 2_500, sessionMs: 3_000 };
const given = process.env["TEST_KAFKA_URL"];
const asked = process.env["TEST_BACKEND"] === "postgresql";
const mock = given === undefined && asked ? await kafkaMock() : undefined;

if (given !== undefined) {
  brokerContract(
    "Kafka",
    async (): Promise<BrokerUnderTest> => ({
      start: () => kafkaBroker(given, silent, options),
      foreign: producedByKcat(new URL(given).host),
      close: async () => {},
    }),
  );
} else if (mock !== undefined) {
  const { url, line, close } = mock;
  brokerContract("Kafka (librdkafka's mock cluster)", async (): Promise<BrokerUnderTest> => {
    return { line, start: () => kafkaBroker(url, silent, options), foreign: producedByKcat(new URL(url).host), close };
  });
} else {
  describe.skip("broker: Kafka (skipped: npm run test:services runs it with TEST_KAFKA_URL, or with kcat, whose mock cluster stands for one)", () => {});
}
