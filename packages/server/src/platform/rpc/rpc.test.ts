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
// Several processes' handles on one: closing one must not end the others'.
rpcConformance("requests in process", async () => ({ ...shared, close: async () => {} }));

const key = transportKey();
const named = { name: "a test", prefix: `test-${process.pid}`, ...ownMessages([key]) };
const natsAnswers = await listens("nats");
const there = describe.skipIf(!natsAnswers);
const reason = natsAnswers ? "" : " (skipped: npm run test:services runs it where NATS answers)";

there(`requests over NATS${reason}`, () => {
  rpcConformance("as every adapter", () => natsRpc(services.nats, silent, { ...named, ...ownMessages([key]) }));

  describe("the signs of a process that works on a request", () => {
    const opened: { close(): Promise<void> }[] = [];
    afterAll(async () => {
      for (const one of opened.toReversed()) await one.close();
    });
    const silenceMs = 4 * signs.everyMs;
    const pair = async () => {
      const wire = await wireTo(services.nats);
      const asking = await natsRpc(services.nats, silent, { ...named, ...ownMessages([key]), silenceMs });
      const serving = await natsRpc(wire.url, silent, named);
      opened.push(wire, asking, serving);
      return { wire, asking, serving };
    };

    it("let it take longer than a silence, and are no answer to a program that knows nothing of them", async () => {
      const { asking, serving } = await pair();
      const subject = `t${process.pid}.slow`;
      const slowMs = silenceMs + signs.everyMs;
      await serving.serve(subject, "group", () => new Promise((resolve) => setTimeout(() => resolve(text("slow")), slowMs)));
      const plain = await connect(natsServer(services.nats));
      try {
        const [answer, other] = await Promise.all([
          asking.request(subject, new Uint8Array(), { timeoutMs: 20_000 }),
          plain.request(`${named.prefix}.${subject}`, new Uint8Array(), { timeout: 20_000 }),
        ]);
        expect([textOf(answer), other.string()]).toEqual(["slow", "slow"]);
      } finally {
        await plain.close();
      }
    });

    it.each(["cut", "hold"] as const)(
      "tell that it is gone (%s) long before the time is over, and that nobody knows what it did",
      async (how) => {
        const { wire, asking, serving } = await pair();
        const subject = `t${process.pid}.gone-${how}`;
        const taken = Promise.withResolvers<void>();
        const ended = Promise.withResolvers<void>();
        await serving.serve(subject, "group", async () => {
          taken.resolve();
          await ended.promise;
          return text("too late");
        });
        const asked = asking.request(subject, new Uint8Array(), { timeoutMs: 30_000 });
        asked.catch(() => {});
        await taken.promise;
        const stopwatch = startStopwatch();
        await wire[how]();
        await expect(asked).rejects.toThrow(OutcomeUnknown);
        expect(stopwatch.idleMs()).toBeLessThan(silenceMs + 2_000);
        wire.release();
        ended.resolve();
      },
    );
  });

  describe("when NATS goes away", () => {
    const opened: { close(): Promise<void> }[] = [];
    afterAll(async () => {
      for (const one of opened.toReversed()) await one.close();
    });

    it("refuses at once while it is away, and asks and serves again by itself", async () => {
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

    it("does not start where nobody answers", async () => {
      await expect(natsRpc("nats://127.0.0.1:1", silent, named)).rejects.toThrow("NATS is unavailable");
    });
  });
});
