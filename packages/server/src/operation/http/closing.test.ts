import { setTimeout as pause } from "node:timers/promises";
import { startStopwatch } from "@gatehouse/testing/stopwatch.ts";
import { expect, it } from "vitest";
import { noProxies } from "#platform/network/trusted-proxies.ts";
import { anyone } from "../declaration/authorization.ts";
import { catalogue } from "../declaration/catalogue.ts";
import { module } from "../declaration/module.ts";
import { Nothing, Type } from "../declaration/schema.ts";
import { serveInProcess } from "../transport/serve.ts";
import { httpServer } from "./http-server.ts";

const slow = module("slow", { store: { reads: () => ({}), writes: () => ({}) } });
/** Less than the keep-alive time of the client (seconds) and of the server (more than a minute). */
const closedWithinMs = 2_000;

it.each(["answered", "refused"])("a closing server finishes a pending request that is %s and closes its connection", async (how) => {
  const wait = slow.query("wait", {
    http: "GET /wait",
    summary: "Takes a while.",
    allow: anyone("it is a test"),
    input: Type.Object({}),
    output: Nothing,
    run: async () => null,
  });
  const [received, proceed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const http = httpServer({
    catalogue: catalogue([{ module: slow, operations: [wait], events: [], steps: [] }]),
    serve: serveInProcess(
      async () => {
        received.resolve();
        await proceed.promise;
        if (how === "refused") throw new Error("something broke");
        return { output: null };
      },
      () => null,
    ),
    publicUrl: "http://127.0.0.1:8080",
    trustProxy: noProxies,
    report: () => {},
  });
  const url = await http.listen({ host: "127.0.0.1", port: 0 });
  const response = fetch(`${url}/wait`);
  await received.promise;
  const stopwatch = startStopwatch();
  const closed = http.close();
  await pause(50);
  proceed.resolve();
  expect((await response).status).toBe(how === "answered" ? 204 : 500);
  await closed;
  expect(stopwatch.idleMs()).toBeLessThan(closedWithinMs);
});
