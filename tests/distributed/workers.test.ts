import { randomBytes } from "node:crypto";
import { freePort } from "@gatehouse/testing/free-port.ts";
import { makeDatabase } from "@gatehouse/testing/postgres.ts";
import { backend } from "@gatehouse/testing/server.ts";
import { describe, expect, it } from "vitest";
import { gatehouse } from "../newcomer/process.ts";
import { startProcess, until } from "./support.ts";

describe.runIf(backend === "postgresql")("several processes behind one port (PostgreSQL only: embedded storage has one process)", () => {
  it("processes behind one port share requests, aggregate their metrics, replace one that dies, and end together", async () => {
    const database = await makeDatabase();
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const server = startProcess(["start", "--workers", "2", "--port", String(port)], {
      DATABASE_URL: database.url,
      GATEHOUSE_MASTER_KEY: randomBytes(32).toString("base64"),
      PUBLIC_URL: url,
    });
    try {
      await until("both are ready", () => server.output().split("Gatehouse is ready").length === 3);
      // The set-up link is printed once, not once a process.
      expect(server.output().match(/setup\?token=/g)).toHaveLength(1);

      const requests = 40;
      for (let index = 0; index < requests; index += 1) await fetch(`${url}/api/v1/iam/users/me`, { headers: { connection: "close" } });
      const figure = /^gatehouse_operation_duration_seconds_count\{[^}]*operation="identity.getMe"[^}]*\} (\d+)$/m;
      // Any process reports the metrics of all.
      for (let index = 0; index < 4; index += 1) {
        const text = await (await fetch(`${url}/metrics`, { headers: { connection: "close" } })).text();
        expect(Number(figure.exec(text)?.[1])).toBe(requests);
      }

      const [first] = server.children();
      process.kill(first as number, "SIGKILL");
      await until("another one has taken its place", () => server.output().split("Gatehouse is ready").length === 4);
      expect((await fetch(`${url}/health/ready`)).status).toBe(200);
      expect(await server.end("SIGTERM")).toBe(0);
      await expect(fetch(`${url}/health`)).rejects.toThrow();
    } finally {
      await server.end("SIGKILL");
      await database.drop();
    }
  }, 180_000);

  it("all processes end when the configuration is refused", async () => {
    const { code, output } = await gatehouse(["start", "--workers", "2"], { GATEHOUSE_DATA_DIR: "memory" });
    expect(code).toBe(78);
    expect(output).toContain("GATEHOUSE_WORKERS is above 1. DATABASE_URL is not set");
  }, 60_000);
});
