import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root, run } from "../newcomer/process.ts";

const clients = ["ioredis", "rabbitmq-client", "@platformatic/kafka", "@nats-io", "@opentelemetry/sdk-trace", "nodemailer"];

/** Reports the client packages that were loaded while an embedded application was assembled and stopped. */
const script = `
import { registerHooks } from "node:module";
const loaded = new Set();
registerHooks({ load(url, context, next) { loaded.add(url); return next(url, context); } });
const { assemble } = await import("${root}/packages/server/src/runtime/application.ts");
const { readConfiguration } = await import("${root}/packages/server/src/runtime/configuration.ts");
const application = await assemble(readConfiguration(process.env));
await application.startWorker();
await application.stop();
const clients = ${JSON.stringify(clients)};
console.log("LOADED", JSON.stringify(clients.filter((name) => [...loaded].some((url) => url.includes("/node_modules/" + name)))), loaded.size > 100);
`;

it("an embedded server loads no client of a service that is not configured", { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-small-"));
  const environment = { GATEHOUSE_DATA_DIR: folder, LOG_LEVEL: "silent" };
  const { output, code } = await run(process.execPath, ["--input-type=module", "-e", script], environment);
  rmSync(folder, { recursive: true, force: true });
  expect(code, output).toBe(0);
  expect(output).toContain("LOADED [] true");
});
