import { randomBytes } from "node:crypto";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { afterEach, describe, expect, it } from "vitest";
import { OutcomeUnknown, Unavailable } from "../../unavailable.ts";
import { NobodyServes } from "../errors.ts";
import { noHeaders, type Reply, type Rpc } from "../rpc.ts";

/** What every adapter of the rpc port keeps. `connect` gives handles as processes of their own would have them. */
export function rpcConformance(name: string, connect: () => Promise<Rpc>): void {
  describe(name, () => {
    const open: Rpc[] = [];
    const process = async (): Promise<Rpc> => {
      const rpc = await connect();
      open.push(rpc);
      return rpc;
    };
    afterEach(async () => {
      await Promise.all(open.splice(0).map((rpc) => rpc.close()));
    });
    /** Words that no other test uses, as all share one server. */
    const word = () => `t${randomBytes(8).toString("hex")}`;
    const soon = { timeoutMs: 2_000 };

    it("brings a request to who serves it and the answer back, bytes and headers as they were", async () => {
      const [asking, serving] = [await process(), await process()];
      const subject = `${word()}.query.things.list`;
      const body = Buffer.from(JSON.stringify({ text: "Đặng Thị Hồng 🙂", zero: "\u0000" }));
      await serving.serve(subject, "query", (request) => ({ body: request.body, headers: { "x-status": "409" } }));
      const reply = await asking.request(subject, body, soon);
      expect(Buffer.from(reply.body)).toEqual(body);
      expect(reply.headers).toEqual({ "x-status": "409" });
    });

    it("tells who serves everything below a word which subject was asked for", async () => {
      const [asking, serving] = [await process(), await process()];
      const root = word();
      await serving.serve(`${root}.>`, "query", ({ subject }) => text(subject));
      expect(textOf(await asking.request(`${root}.a.b`, nothing, soon))).toBe(`${root}.a.b`);
      await expect(asking.request(`${root}x.a`, nothing, soon)).rejects.toThrow(NobodyServes);
    });

    it("says at once that nobody serves, before any time limit", async () => {
      const asking = await process();
      const began = performance.now();
      await expect(asking.request(word(), nothing, { timeoutMs: 20_000 })).rejects.toThrow(NobodyServes);
      expect(performance.now() - began).toBeLessThan(5_000);
    });

    it("gives a request to one of a group, and shares requests out among them", async () => {
      const asking = await process();
      const subject = word();
      const taken: string[] = [];
      for (const member of ["one", "two", "three"]) {
        await (await process()).serve(subject, "group", () => {
          taken.push(member);
          return text(member);
        });
      }
      await Promise.all(Array.from({ length: 60 }, () => asking.request(subject, nothing, soon)));
      expect(taken).toHaveLength(60);
      expect(new Set(taken)).toEqual(new Set(["one", "two", "three"]));
    });

    it("gives up when no answer comes in time, and is not disturbed by one that comes late", async () => {
      const [asking, serving] = [await process(), await process()];
      const subject = word();
      const late = Promise.withResolvers<Reply>();
      await serving.serve(subject, "group", ({ body }) => (body.length === 0 ? late.promise : text("prompt")));
      const asked = asking.request(subject, nothing, { timeoutMs: 50 });
      await expect(asked).rejects.toThrow(OutcomeUnknown);
      late.resolve(text("late"));
      expect(textOf(await asking.request(subject, Buffer.from("x"), soon))).toBe("prompt");
    });

    it("goes on serving after a handler that fails", async () => {
      const [asking, serving] = [await process(), await process()];
      const subject = word();
      await serving.serve(subject, "group", ({ body }) => {
        if (body.length === 0) throw new Error("a fault");
        return text("well");
      });
      await expect(asking.request(subject, nothing, { timeoutMs: 200 })).rejects.toThrow(Unavailable);
      expect(textOf(await asking.request(subject, Buffer.from("x"), soon))).toBe("well");
    });

    it("drains: what was taken is answered, what comes afterwards goes to the others", async () => {
      const [asking, leaving, staying] = [await process(), await process(), await process()];
      const subject = word();
      const release = Promise.withResolvers<void>();
      const entered = Promise.withResolvers<void>();
      const serving = await leaving.serve(subject, "group", async () => {
        entered.resolve();
        await release.promise;
        return text("leaving");
      });
      const inFlight = asking.request(subject, nothing, soon);
      await entered.promise;
      await staying.serve(subject, "group", () => text("staying"));
      const drained = serving.drain();
      for (let round = 0; round < 10; round += 1) {
        await eventually(async () => textOf(await asking.request(subject, nothing, soon))).toBe("staying");
      }
      release.resolve();
      await drained;
      expect(textOf(await inFlight)).toBe("leaving");
      for (let round = 0; round < 10; round += 1) expect(textOf(await asking.request(subject, nothing, soon))).toBe("staying");
    });

    it("loses no request among many in flight", async () => {
      const [asking, serving] = [await process(), await process()];
      const subject = word();
      await serving.serve(subject, "group", ({ body }) => ({ body, headers: noHeaders }));
      const answers = await Promise.all(
        Array.from({ length: 2_000 }, (_, index) => asking.request(subject, Buffer.from(String(index)), { timeoutMs: 10_000 })),
      );
      expect(answers.map(textOf)).toEqual(Array.from({ length: 2_000 }, (_, index) => String(index)));
    });

    it("tells every process that listens", async () => {
      const [telling, ...listening] = [await process(), await process(), await process()];
      const subject = word();
      const heard: number[] = [];
      for (const [index, rpc] of listening.entries()) await rpc.listen(subject, () => void heard.push(index));
      (telling as Rpc).tell(subject);
      await eventually(() => heard.toSorted()).toEqual([0, 1]);
    });

    it("answers a ping while it can send", async () => {
      await (await process()).ping();
    });
  });
}

const nothing = new Uint8Array();
export const text = (value: string): Reply => ({ body: Buffer.from(value), headers: noHeaders });
export const textOf = (reply: Reply): string => Buffer.from(reply.body).toString("utf8");
