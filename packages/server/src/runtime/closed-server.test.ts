import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { startTestServer } from "@gatehouse/testing/server.ts";
import { expect, it } from "vitest";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Opens a server, uses it, closes it, and returns what must be free to go. */
async function openAndClose(): Promise<readonly WeakRef<object>[]> {
  const server = await startTestServer();
  expect((await server.call("GET /health/ready")).status).toBe(200);
  expect((await server.call("GET /metrics")).body).toContain("process_cpu_user_seconds_total");
  const { application, http } = server;
  const held = [
    application,
    application.platform.database,
    application.kernel,
    application.reader,
    application.platform.metrics.registry,
    http,
  ];
  await server.close();
  return held.map((object) => new WeakRef(object));
}

it("a closed server is no longer referenced by its process", async () => {
  // Nothing of the first is left when the second runs; the last may stand on the stack.
  const first = await openAndClose();
  await openAndClose();
  const referenced = () => {
    collectGarbage();
    return first.filter((reference) => reference.deref() !== undefined).length;
  };
  await eventually(referenced).toBe(0);
});
