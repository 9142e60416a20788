import { randomBytes } from "node:crypto";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { afterEach, describe, expect, it } from "vitest";
import { OutcomeUnknown, Unavailable } from "../../unavailable.ts";
import { NoResponders } from "../errors.ts";
import { noHeaders, type Reply, type Rpc } from "../rpc.ts";

/** The contract of the rpc port, for every adapter. Each handle from `connect` acts as a separate process. */
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
    /** A subject that no other test uses, because all share one server. */
    const word = () => `t${randomBytes(8).toString("hex")}`;
    const soon = { timeoutMs: 2_000 };

    it("delivers a request and its answer with unchanged bytes and headers", async () => {
      const [requester, serving] = [await process(), await process()];
      const subject = `${word()}.query.things.list`;
      const body = Buffer.from(JSON.stringify({ text: "Đặng Thị Hồng 🙂", zero: "\u0000" }));
      await serving.serve(subject, "query", (request) => ({ body: request.body, headers: { "x-status": "409" } }));
      const reply = await requester.request(subject, body, soon);
      expect(Buffer.from(reply.body)).toEqual(body);
      expect(reply.headers).toEqual({ "x-status": "409" });
    });

    it("passes the requested subject to a server of a wildcard subject", async () => {
      const [requester, serving] = [await process(), await process()];
      const root = word();
      await serving.serve(`${root}.>`, "query", ({ subject }) => text(subject));
      expect(textOf(await requester.request(`${root}.a.b`, nothing, soon))).toBe(`${root}.a.b`);
      await expect(requester.request(`${root}x.a`, nothing, soon)).rejects.toThrow(NoResponders);
    });

    it("rejects a request without a server at once", async () => {
      const requester = await process();
      const began = performance.now();
      await expect(requester.request(word(), nothing, { timeoutMs: 20_000 })).rejects.toThrow(NoResponders);
      expect(performance.now() - began).toBeLessThan(5_000);
    });

    it("delivers a request to one member of a group, and balances requests over the members", async () => {
      const requester = await process();
      const subject = word();
      const taken: string[] = [];
      for (const member of ["one", "two", "three"]) {
        await (await process()).serve(subject, "group", () => {
          taken.push(member);
          return text(member);
        });
      }
      await Promise.all(Array.from({ length: 60 }, () => requester.request(subject, nothing, soon)));
      expect(taken).toHaveLength(60);
      expect(new Set(taken)).toEqual(new Set(["one", "two", "three"]));
    });

    it("rejects a request after its time limit, and ignores a late answer", async () => {
      const [requester, serving] = [await process(), await process()];
      const subject = word();
      const late = Promise.withResolvers<Reply>();
      await serving.serve(subject, "group", ({ body }) => (body.length === 0 ? late.promise : text("prompt")));
      const request = requester.request(subject, nothing, { timeoutMs: 50 });
      await expect(request).rejects.toThrow(OutcomeUnknown);
      late.resolve(text("late"));
      expect(textOf(await requester.request(subject, Buffer.from("x"), soon))).toBe("prompt");
    });

    it("continues to serve after a handler failed", async () => {
      const [requester, serving] = [await process(), await process()];
      const subject = word();
      await serving.serve(subject, "group", ({ body }) => {
        if (body.length === 0) throw new Error("a bug");
        return text("well");
      });
      await expect(requester.request(subject, nothing, { timeoutMs: 200 })).rejects.toThrow(Unavailable);
      expect(textOf(await requester.request(subject, Buffer.from("x"), soon))).toBe("well");
    });

    it("drains: accepted requests are answered, later ones go to the other members", async () => {
      const [requester, leaving, staying] = [await process(), await process(), await process()];
      const subject = word();
      const release = Promise.withResolvers<void>();
      const entered = Promise.withResolvers<void>();
      const serving = await leaving.serve(subject, "group", async () => {
        entered.resolve();
        await release.promise;
        return text("leaving");
      });
      const inFlight = requester.request(subject, nothing, soon);
      await entered.promise;
      await staying.serve(subject, "group", () => text("staying"));
      const drained = serving.drain();
      for (let round = 0; round < 10; round += 1) {
        await eventually(async () => textOf(await requester.request(subject, nothing, soon))).toBe("staying");
      }
      release.resolve();
      await drained;
      expect(textOf(await inFlight)).toBe("leaving");
      for (let round = 0; round < 10; round += 1) expect(textOf(await requester.request(subject, nothing, soon))).toBe("staying");
    });

    it("loses none of many concurrent requests", async () => {
      const [requester, serving] = [await process(), await process()];
      const subject = word();
      await serving.serve(subject, "group", ({ body }) => ({ body, headers: noHeaders }));
      const answers = await Promise.all(
        Array.from({ length: 2_000 }, (_, index) => requester.request(subject, Buffer.from(String(index)), { timeoutMs: 10_000 })),
      );
      expect(answers.map(textOf)).toEqual(Array.from({ length: 2_000 }, (_, index) => String(index)));
    });

    it("notifies every process that listens", async () => {
      const [notifier, ...listening] = [await process(), await process(), await process()];
      const subject = word();
      const notified: number[] = [];
      for (const [index, rpc] of listening.entries()) await rpc.listen(subject, () => void notified.push(index));
      (notifier as Rpc).notify(subject);
      await eventually(() => notified.toSorted()).toEqual([0, 1]);
    });

    it("answers a ping while it can send", async () => {
      await (await process()).ping();
    });
  });
}

const nothing = new Uint8Array();
export const text = (value: string): Reply => ({ body: Buffer.from(value), headers: noHeaders });
export const textOf = (reply: Reply): string => Buffer.from(reply.body).toString("utf8");
