import { eventually } from "@gatehouse/testing/eventually.ts";
import { wireTo } from "@gatehouse/testing/proxy.ts";
import { listens, services } from "@gatehouse/testing/services.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { startStopwatch } from "@gatehouse/testing/stopwatch.ts";
import { connect } from "@nats-io/transport-node";
import { afterAll, describe, expect, it } from "vitest";
import { natsServer } from "../nats/address.ts";
import { signs } from "../resilience/policies.ts";
import { OutcomeUnknown, Unavailable } from "../unavailable.ts";
import { ownMessages, transportKey } from "./conformance/own-messages.ts";
import { rpcConformance, text, textOf } from "./conformance/rpc-conformance.ts";
import { inProcessRpc } from "./in-process.ts";
import { natsRpc } from "./nats.ts";
import type { Rpc } from "./rpc.ts";

const shared = inProcessRpc();
// All handles share one instance: closing a handle must not close the others.
rpcConformance("the in-process rpc port", async () => ({ ...shared, close: async () => {} }));

const key = transportKey();
const named = { name: "a test", prefix: `test-${process.pid}`, ...ownMessages([key]) };
const natsAnswers = await listens("nats");
const there = describe.skipIf(!natsAnswers);
const reason = natsAnswers ? "" : " (skipped: npm run test:services runs it where NATS answers)";

there(`the rpc port over NATS${reason}`, () => {
  rpcConformance("as an rpc adapter", () => natsRpc(services.nats, silent, { ...named, ...ownMessages([key]) }));

  describe("signs of life of a serving process", () => {
    const opened: { close(): Promise<void> }[] = [];
    afterAll(async () => {
      for (const one of opened.toReversed()) await one.close();
    });
    const silenceMs = 4 * signs.everyMs;
    const pair = async () => {
      const wire = await wireTo(services.nats);
      const requester = await natsRpc(services.nats, silent, { ...named, ...ownMessages([key]), silenceMs });
      const serving = await natsRpc(wire.url, silent, named);
      opened.push(wire, requester, serving);
      return { wire, requester, serving };
    };

    it("let a request take longer than the silence limit, and are not delivered to a program that does not ask for them", async () => {
      const { requester, serving } = await pair();
      const subject = `t${process.pid}.slow`;
      const slowMs = silenceMs + signs.everyMs;
      await serving.serve(subject, "group", () => new Promise((resolve) => setTimeout(() => resolve(text("slow")), slowMs)));
      const plain = await connect(natsServer(services.nats));
      try {
        const [answer, other] = await Promise.all([
          requester.request(subject, new Uint8Array(), { timeoutMs: 20_000 }),
          plain.request(`${named.prefix}.${subject}`, new Uint8Array(), { timeout: 20_000 }),
        ]);
        expect([textOf(answer), other.string()]).toEqual(["slow", "slow"]);
      } finally {
        await plain.close();
      }
    });

    it.each(["cut", "hold"] as const)(
      "are missed long before the time limit when the process is lost (%s), and the outcome is unknown",
      async (how) => {
        const { wire, requester, serving } = await pair();
        const subject = `t${process.pid}.gone-${how}`;
        const taken = Promise.withResolvers<void>();
        const ended = Promise.withResolvers<void>();
        await serving.serve(subject, "group", async () => {
          taken.resolve();
          await ended.promise;
          return text("too late");
        });
        const request = requester.request(subject, new Uint8Array(), { timeoutMs: 30_000 });
        request.catch(() => {});
        await taken.promise;
        const stopwatch = startStopwatch();
        await wire[how]();
        await expect(request).rejects.toThrow(OutcomeUnknown);
        expect(stopwatch.idleMs()).toBeLessThan(silenceMs + 2_000);
        wire.release();
        ended.resolve();
      },
    );
  });

  describe("when NATS is unavailable", () => {
    const opened: { close(): Promise<void> }[] = [];
    afterAll(async () => {
      for (const one of opened.toReversed()) await one.close();
    });

    it("requests are rejected at once during the outage, and work again after it", async () => {
      const wire = await wireTo(services.nats);
      const rpc: Rpc = await natsRpc(wire.url, silent, named);
      opened.push(wire, rpc);
      const subject = `t${process.pid}.away`;
      await rpc.serve(subject, "group", () => text("here"));
      const ask = () => rpc.request(subject, new Uint8Array(), { timeoutMs: 2_000 }).then(textOf);
      expect(await ask()).toBe("here");
      await wire.cut();
      await eventually(() =>
        rpc.ping().then(
          () => "answers",
          (error) => error,
        ),
      ).toBeInstanceOf(Unavailable);
      const stopwatch = startStopwatch();
      await expect(ask()).rejects.toThrow(Unavailable);
      expect(stopwatch.idleMs()).toBeLessThan(1_000);
      await wire.mend();
      await eventually(() => ask().catch(() => "not yet")).toBe("here");
    });

    it("connecting fails where no server listens", async () => {
      await expect(natsRpc("nats://127.0.0.1:1", silent, named)).rejects.toThrow("NATS is unavailable");
    });
  });
});
