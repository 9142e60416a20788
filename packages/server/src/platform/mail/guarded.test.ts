import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { afterEach, beforeEach, expect, it } from "vitest";
import { policies } from "../resilience/policies.ts";
import { createResilience } from "../resilience/resilience.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { Unavailable } from "../unavailable.ts";
import { type SmtpReceiver, smtpReceiver } from "./conformance/smtp-receiver.ts";
import { guardedMail } from "./guarded.ts";
import { AddressRefused, type Mail } from "./mail.ts";
import { smtpMail } from "./smtp.ts";

const { failures } = policies.smtp.breaker;
/** A shorter open time for tests, instead of half a minute. */
const openMs = 400;
const from = "Gatehouse <no-reply@gatehouse.example>";

let metrics: ReturnType<typeof createMetrics>;
const opened: { close(): Promise<void> }[] = [];
beforeEach(() => {
  metrics = createMetrics();
});
afterEach(async () => {
  for (const each of opened.splice(0).toReversed()) await each.close();
});

const guarded = (url: string): Mail => {
  const table = { ...policies, smtp: { ...policies.smtp, breaker: { failures, openMs } } };
  const mail = guardedMail(smtpMail(url, from), createResilience(metrics, table));
  opened.push(mail);
  return mail;
};
const receiving = async (): Promise<SmtpReceiver> => {
  const receiver = await smtpReceiver();
  opened.push(receiver);
  return receiver;
};
const send = (mail: Mail, to = "ada@example.com") =>
  mail.send({ to, subject: "Hello", text: "A text.", html: "<p>A text.</p>", template: "verify-email", locale: "en" });
const isOpen = async () => (await metrics.circuitOpen.get()).values.find(({ labels }) => labels.dependency === "smtp")?.value;
const counted = async (outcome: string) =>
  (await metrics.dependencyCalls.get()).values.find(({ labels }) => labels.dependency === "smtp" && labels.outcome === outcome)?.value ?? 0;

it("an unavailable SMTP server opens the circuit, is tried by one mail at a time, and is used again once it accepts one", async () => {
  let connections = 0;
  let away = true;
  const receiver = await receiving();
  const target = new URL(receiver.url);
  const { connect } = await import("node:net");
  // Accepts a connection and closes it at once, like a load balancer without a server.
  const front = createServer((socket) => {
    connections += 1;
    socket.on("error", () => {});
    if (away) return socket.destroy();
    const upstream = connect(Number(target.port), target.hostname);
    upstream.on("error", () => socket.destroy());
    socket.pipe(upstream).pipe(socket);
  });
  front.listen(0, "127.0.0.1");
  await once(front, "listening");
  opened.push({ close: async () => void front.close() });
  const mail = guarded(`smtp://127.0.0.1:${(front.address() as AddressInfo).port}`);
  expect(await isOpen()).toBe(0);

  for (let tries = 0; tries < failures; tries += 1) await expect(send(mail)).rejects.toBeInstanceOf(Unavailable);
  expect(await isOpen()).toBe(1);
  expect(connections).toBe(failures);
  for (let tries = 0; tries < 20; tries += 1) await expect(send(mail)).rejects.toMatchObject({ reason: "circuit_open" });
  expect(connections).toBe(failures);
  expect([await counted("failed"), await counted("circuit_open")]).toEqual([failures, 20]);

  // Half-open: of many mails, one is tried and fails, and the others are rejected.
  await new Promise((resolve) => setTimeout(resolve, openMs + 50));
  await Promise.allSettled(Array.from({ length: 10 }, () => send(mail)));
  expect(connections).toBe(failures + 1);
  expect(await isOpen()).toBe(1);

  away = false;
  await eventually(() =>
    send(mail).then(
      () => receiver.received.length,
      () => 0,
    ),
  ).toBe(1);
  expect(await isOpen()).toBe(0);
  await send(mail);
  expect(receiver.received).toHaveLength(2);
});

it.each([
  ["the recipient for good", "RCPT", "550 no such user", AddressRefused],
  ["the recipient for now", "RCPT", "451 grey listed", Error],
  ["the text", "CONTENT", "554 no", Error],
])("an SMTP server that rejects %s does not open the circuit", async (_what, command, reply, kind) => {
  const receiver = await receiving();
  const mail = guarded(receiver.url);
  receiver.refuse(command, reply);
  for (let tries = 0; tries <= failures; tries += 1) {
    const error = await send(mail).catch((reason) => reason);
    expect(error).toBeInstanceOf(kind);
    expect(error).not.toBeInstanceOf(Unavailable);
  }
  expect(await isOpen()).toBe(0);
  expect(await counted("answered_error")).toBe(failures + 1);
});

it.each([
  ["our credentials", "AUTH", "535 no"],
  ["our sender", "MAIL", "550 no"],
  ["everybody, and hangs up", "RCPT", "421 closing"],
])("an SMTP server that rejects %s opens the circuit, because it would reject every mail", async (_what, command, reply) => {
  const receiver = await receiving();
  const mail = guarded(receiver.url.replace("//", "//user:password@"));
  receiver.refuse(command, reply);
  for (let tries = 0; tries < failures; tries += 1) await expect(send(mail)).rejects.toBeInstanceOf(Unavailable);
  expect(await isOpen()).toBe(1);
});
