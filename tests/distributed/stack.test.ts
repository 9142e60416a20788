import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@gatehouse/testing/free-port.ts";
import { makeDatabase } from "@gatehouse/testing/postgres.ts";
import { backend } from "@gatehouse/testing/server.ts";
import { listens } from "@gatehouse/testing/services.ts";
import { describe, expect, it } from "vitest";
import { root } from "../newcomer/process.ts";
import { startProcess, until } from "./support.ts";

const possible = backend === "postgresql" && (await listens("nats"));
const iam = "/api/v1/iam";
/** More ports than a set uses. */
const setSize = 8;

describe.runIf(possible)("npm run stack (skipped without TEST_BACKEND=postgresql or NATS)", () => {
  it("npm run stack starts processes that answer, reports where each runs, restarts killed ones, and ends on one signal", async () => {
    const database = await makeDatabase();
    const folder = mkdtempSync(join(tmpdir(), "gatehouse-stack-"));
    // The set uses the following consecutive ports.
    const port = await freePort(setSize);
    const url = `http://127.0.0.1:${port}`;
    const stack = startProcess(
      ["--port", String(port), "--query", "1", "--command", "1"],
      { DATABASE_URL: database.url, STACK_DIR: folder, NATS_PREFIX: `stack-${process.pid}` },
      join(root, "scripts/stack.ts"),
    );
    try {
      await until("the stack prints its processes", () => stack.output().includes("A killed process is restarted"));
      expect(stack.output()).toMatch(/worker-1 +process \d+/);
      expect(stack.output()).toMatch(/gateway-1 +process \d+ +http/);
      const again = startProcess(
        ["--port", String(port)],
        { DATABASE_URL: database.url, STACK_DIR: folder },
        join(root, "scripts/stack.ts"),
      );
      await until("a second set says why it does not start", () => again.output().includes("something listens on port"));
      expect(await again.end("SIGINT")).toBe(1);
      const link = /first administrator: (\S+)/.exec(stack.output())?.[1] as string;
      const account = { email: "first@example.com", password: "a quiet green harbour" };
      const setUp = { ...account, token: new URL(link).searchParams.get("token"), firstName: "First", lastName: "One" };
      expect((await post(`${url}${iam}/setup`, setUp)).status).toBe(201);
      const signedIn = (await (await post(`${url}${iam}/auth/login`, account)).json()) as { readonly sessionToken: string };
      const headers = { authorization: `Bearer ${signedIn.sessionToken}` };
      const me = () => fetch(`${url}${iam}/users/me`, { headers }).then((answer) => answer.status);
      expect(await me()).toBe(200);

      for (const name of ["query-1", "gateway-1"]) {
        const pid = Number(new RegExp(`${name} +process (\\d+)`).exec(stack.output())?.[1]);
        process.kill(pid, "SIGKILL");
        await until(`${name} is restarted`, () => stack.output().includes(`${name} (process ${pid}) ended with SIGKILL`));
        await until("the set answers again", () =>
          me().then(
            (status) => status === 200,
            () => false,
          ),
        );
      }
      expect(await stack.end("SIGINT")).toBe(0);
      expect(stack.children()).toEqual([]);
    } finally {
      await stack.end("SIGINT");
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    }
  }, 180_000);

  it("npm run stack passes variables on, and ends with the error of the process that refuses one", async () => {
    const database = await makeDatabase();
    const folder = mkdtempSync(join(tmpdir(), "gatehouse-stack-"));
    const stack = startProcess(
      ["--port", String(await freePort(setSize))],
      { DATABASE_URL: database.url, STACK_DIR: folder, NATS_PREFIX: "two words" },
      join(root, "scripts/stack.ts"),
    );
    try {
      await until("the set ends", () => stack.output().includes("stopping"));
      expect(stack.output()).toContain('worker-1 does not start:\nThe configuration is invalid:\n  NATS_PREFIX is "two words"');
      expect(await stack.end("SIGINT")).toBe(1);
    } finally {
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    }
  }, 180_000);
});

const post = (url: string, body: object): Promise<Response> =>
  fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
