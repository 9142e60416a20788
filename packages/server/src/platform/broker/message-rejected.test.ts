import { expect, it } from "vitest";
import { Unavailable } from "../database/driver-errors.ts";
import { isRejection, MessageRejected } from "./message-rejected.ts";
import { refusalIn } from "./refusals.ts";
import { unavailable } from "./unavailable.ts";

/** Errors as thrown by the clients of RabbitMQ, NATS and Kafka. */
const rejections = [
  Object.assign(new Error("BasicPublish: PRECONDITION_FAILED - message size 2000169 is larger than configured max size 1000000"), {
    code: "PRECONDITION_FAILED",
  }),
  new Error("'payload' max_payload size exceeded"),
  Object.assign(new Error("message size exceeds maximum allowed"), { name: "JetStreamApiError", code: 10054, status: 400 }),
  new Error("Produce failed.", { cause: new AggregateError([Object.assign(new Error("too large"), { apiId: "MESSAGE_TOO_LARGE" })]) }),
];
const others = [
  Object.assign(new Error("PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'iam.events'"), { code: "PRECONDITION_FAILED" }),
  Object.assign(new Error("ACCESS_REFUSED - access to exchange 'iam.events' refused"), { code: "ACCESS_REFUSED" }),
  Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }),
];

it.each(rejections)("an error is recognized as a rejection of the message: %s", async (error) => {
  expect(isRejection(error)).toBe(true);
  expect(refusalIn(error), "the broker takes other messages, and health says so").toBeUndefined();
  await expect(unavailable(() => Promise.reject(error))).rejects.toBeInstanceOf(MessageRejected);
});

it.each(others)("any other error means that the broker is unavailable: %s", async (error) => {
  expect(isRejection(error)).toBe(false);
  await expect(unavailable(() => Promise.reject(error))).rejects.toBeInstanceOf(Unavailable);
});
