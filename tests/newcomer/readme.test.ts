import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gatehouse, type RunningServer, root, run, startServer } from "./process.ts";

/** The shell commands of the README's first steps. */
function walk(): string {
  const text = readFileSync(join(root, "README.md"), "utf8");
  const section = text.split("\n## First steps\n")[1]?.split("\n## ")[0] ?? "";
  return [...section.matchAll(/```bash\n([\s\S]*?)```/g)].map(([, block]) => block).join("\n");
}

const hasShell = (await run("bash", ["-c", "command -v curl"])).code === 0;

describe.skipIf(!hasShell)("the README's first steps (skipped where bash or curl is missing)", () => {
  const dataDir = mkdtempSync(join(tmpdir(), "gatehouse-newcomer-"));
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer(dataDir);
  });
  afterAll(async () => {
    await server.end("SIGTERM");
    rmSync(dataDir, { recursive: true, force: true });
  });

  it("the first steps lead from an empty folder to five decisions, and a kill loses nothing", async () => {
    expect(server.output()).toContain("/setup?token=");
    const environment = { SERVER: server.url, GATEHOUSE_DATA_DIR: dataDir, PORT: new URL(server.url).port };
    const after = '\necho; echo "KEPT $ORG $MINH_ID"';
    const { code, output } = await run("bash", ["-euo", "pipefail", "-c", walk() + after], environment);
    expect(code, output).toBe(0);
    const reasons = [...output.matchAll(/"isAuthorized":(true|false),"reason":"([^"]*)"/g)].map(
      ([, allowed, reason]) => `${allowed} ${reason}`,
    );
    expect(reasons).toEqual([
      "true Allowed by role 'Administrator'",
      "true Allowed by role 'Product manager'",
      "true Allowed by role 'Product manager'",
      "false Denied: no role or grant of the user gives 'Product.Create'",
      "false Denied: the organization is not active",
    ]);
    expect(output).toContain('"missingPermissions":["Product.Create"]');

    const [, organizationId, userId] = /KEPT (\S+) (\S+)/.exec(output) ?? [];
    await server.end("SIGKILL");
    server = await startServer(dataDir);
    const post = async (path: string, body: unknown, token = "") =>
      (await fetch(`${server.url}/api/v1/iam/${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) },
        body: JSON.stringify(body),
        // biome-ignore lint/suspicious/noExplicitAny: answers of several shapes
      }).then((response) => response.json())) as any;
    const admin = await post("auth/login", { email: "admin@example.com", password: "a quiet green harbour" });
    const check = await post("authorization/check", { userId, tenantId: organizationId, actionType: "Product.Create" }, admin.sessionToken);
    expect(check.reasonCode).toBe("organization_suspended");
    expect(server.output()).not.toContain("/setup?token=");
  });

  it("a second start on one data directory is refused and names the first; the command line works concurrently", async () => {
    const second = await gatehouse(["start"], { GATEHOUSE_DATA_DIR: dataDir, PORT: "0" });
    expect(second.code).toBe(78);
    expect(second.output).toContain(`in use by process`);
    expect(second.output).toContain(server.url);
    const doctor = await gatehouse(["doctor"], { GATEHOUSE_DATA_DIR: dataDir });
    expect(doctor.code, doctor.output).toBe(0);
    expect(doctor.output).toContain("it is ready at");
    const migrated = await gatehouse(["migrate"], { GATEHOUSE_DATA_DIR: dataDir });
    expect(migrated.output).toContain("migrated it at its start");
  });

  it("SIGTERM stops the server in order, and only its log is printed", async () => {
    expect(await server.end("SIGTERM")).toBe(0);
    expect(server.output()).toContain('"message":"stopped"');
    expect(server.output()).not.toMatch(/ExperimentalWarning|DeprecationWarning/);
    server = await startServer(dataDir);
  });
});
