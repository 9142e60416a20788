import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@gatehouse/testing/free-port.ts";
import { servicesAsked } from "@gatehouse/testing/services.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { parse, stringify } from "yaml";
import { openPglite } from "../../packages/server/src/platform/database/pglite.ts";
import { gatehouse, type RunningServer, root, startServer } from "../newcomer/process.ts";
import { type Prometheus, prometheusInstalled, startPrometheusWith } from "../operations/support/prometheus.ts";
import { prometheusFolder } from "../operations/support/rules.ts";

const programs = { prometheus: prometheusInstalled(), kubectl: spawnSync("kubectl", ["version", "--client"]).status === 0 };
const missing = Object.entries(programs).flatMap(([name, there]) => (there ? [] : [name]));
const notInstalled = missing.length === 0 ? "" : ` (skipped: not installed: ${missing.join(", ")})`;
const why = servicesAsked ? notInstalled : " (skipped: npm run test:services runs it)";
const administrator = { email: "ada@example.com", password: "a quiet green harbour" };

// A real Prometheus with the shipped relabelling and rules scrapes real processes of the product. kubectl.sh replaces kubectl, because no
// cluster runs here.
describe.skipIf(why !== "")(`roll-out.sh${why}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-roll-out-"));
  const targets = join(folder, "targets");
  const servers: RunningServer[] = [];
  let state: string;
  let prometheus: Prometheus;

  beforeAll(async () => {
    mkdirSync(targets);
    mkdirSync(join(folder, "bin"));
    symlinkSync(join(import.meta.dirname, "support/kubectl.sh"), join(folder, "bin/kubectl"));
    prometheus = await startPrometheusWith(shippedScrapes(targets));
    // The roll-out requires the rules before it starts.
    await vi.waitFor(() => prometheus.get("/api/v1/rules"), { timeout: 20_000 });
  }, 60_000);
  afterAll(async () => {
    for (const server of servers) await server.end("SIGTERM");
    await prometheus?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    state = mkdtempSync(join(folder, "state-"));
    symlinkSync(targets, join(state, "targets"));
    writeFileSync(join(state, "job"), "Complete");
    for (const role of ["query"]) writeFileSync(join(state, `changes.${role}`), "");
    writeFileSync(join(state, "release"), "unknown");
  });

  const calls = (): readonly string[] => readFileSync(join(state, "calls"), "utf8").trim().split("\n");
  const applied = (): readonly string[] =>
    calls().flatMap((call) => /^apply -l app\.kubernetes\.io\/component=(\w+)/.exec(call)?.[1] ?? []);
  const undone = (): readonly string[] => calls().flatMap((call) => /rollout undo (.+)/.exec(call)?.[1] ?? []);

  /** Runs the script until it exits and returns its output. Repeats `meanwhile` until then. */
  async function rollOut(args: readonly string[], environment: object = {}, meanwhile?: () => Promise<void>) {
    const child = spawn(join(root, "deploy/kubernetes/roll-out.sh"), ["production", ...args], {
      env: {
        PATH: `${folder}/bin:${process.env["PATH"]}`,
        HOME: process.env["HOME"],
        KUBECTL: execFileSync("which", ["kubectl"], { encoding: "utf8" }).trim(),
        STATE: state,
        PROMETHEUS_URL: prometheus.url,
        WATCH_SECONDS: "3",
        LOOK_SECONDS: "1",
        ...environment,
      },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    child.stderr.on("data", (chunk) => {
      said += chunk;
    });
    let ended = false;
    const end = once(child, "close").finally(() => {
      ended = true;
    });
    while (!ended && meanwhile) await meanwhile();
    const [code] = await end;
    return { code, said };
  }

  /** A new release, which Prometheus discovers once the role is applied. Its database runs `flaw` at every sign-in. */
  async function newRelease(name: string, flaw?: string): Promise<() => Promise<void>> {
    const dataDir = join(folder, name);
    const made = await gatehouse(
      ["user", "create", "--email", administrator.email, "--first-name", "Ada", "--last-name", "Admin", "--administrator"],
      { GATEHOUSE_DATA_DIR: dataDir },
      `${administrator.password}\n`,
    );
    expect(made.code, made.output).toBe(0);
    if (flaw !== undefined) {
      const database = await openPglite(dataDir);
      await sql`create function flaw() returns trigger language plpgsql as ${sql.lit(`begin ${flaw} return new; end`)}`.execute(
        database.owner,
      );
      await sql`create trigger flaw before insert on sessions for each row execute function flaw()`.execute(database.owner);
      await database.close();
    }
    const server = await startServer(dataDir, { GATEHOUSE_SIGN_IN_LIMIT: "off", PORT: String(await freePort()) });
    servers.push(server);
    writeFileSync(join(state, "release"), name);
    writeFileSync(join(state, "targets.yml"), stringify([{ targets: [new URL(server.url).host], labels: found("query", name) }]));
    return async () => {
      await fetch(`${server.url}/api/v1/iam/auth/login`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(administrator),
      }).then((answer) => answer.arrayBuffer());
    };
  }

  it("roll-out.sh migrates, rolls out worker, command, query and gateway, and keeps a healthy release", { timeout: 300_000 }, async () => {
    const signIn = await newRelease("well");
    const { code, said } = await rollOut([], { WATCH_SECONDS: "20" }, signIn);
    expect(said).toBe("");
    expect(code).toBe(0);
    expect(applied()).toEqual(["worker", "command", "query", "gateway"]);
    expect(calls().findIndex((call) => call.includes("get job migrate"))).toBeLessThan(
      calls().findIndex((call) => call.includes("=worker")),
    );
    expect(undone()).toEqual([]);
  });

  it("roll-out.sh rolls back a ready release that answers with errors, and rolls out nothing after it", {
    timeout: 300_000,
  }, async () => {
    const signIn = await newRelease("faulty", "raise exception 'a release that is not well';");
    const { code, said } = await rollOut([], { WATCH_SECONDS: "120" }, signIn);
    expect(said).toContain("query fails too often and was taken back");
    expect(code).toBe(1);
    expect(undone()).toEqual(["deployment/query --to-revision=1"]);
    expect(applied()).toEqual(["worker", "command", "query"]);
  });

  it("roll-out.sh rolls back a release whose sign-ins exceed their target", { timeout: 300_000 }, async () => {
    const busy = "while clock_timestamp() < statement_timestamp() + interval '700 milliseconds' loop end loop;";
    const signIn = await newRelease("slow", busy);
    const { code, said } = await rollOut([], { WATCH_SECONDS: "120" }, signIn);
    expect(said).toContain("query is too slow and was taken back");
    expect(code).toBe(1);
    expect(undone()).toEqual(["deployment/query --to-revision=1"]);
  });

  it("roll-out.sh rolls back a release that Prometheus does not scrape", { timeout: 60_000 }, async () => {
    const { code, said } = await rollOut([]);
    expect(said).toContain(`query cannot be watched: ${prometheus.url} does not scrape its new pods and was taken back`);
    expect(code).toBe(1);
  });

  it("roll-out.sh rolls back a release that does not become ready", { timeout: 60_000 }, async () => {
    writeFileSync(join(state, "fails.query"), "");
    const { code, said } = await rollOut([]);
    expect(said).toContain("query did not come up and was taken back");
    expect([code, undone()]).toEqual([1, ["deployment/query --to-revision=1"]]);
  });

  it("roll-out.sh leaves an unchanged role alone, even if it is not ready", { timeout: 60_000 }, async () => {
    writeFileSync(join(state, "fails.worker"), "");
    const { code, said } = await rollOut([]);
    expect(said).toContain("worker did not come up; nothing was changed in it");
    expect([code, undone(), applied()]).toEqual([1, [], ["worker"]]);
  });

  it("roll-out.sh changes nothing without Prometheus, and no role after a failed migration", { timeout: 60_000 }, async () => {
    const away = await rollOut([], { PROMETHEUS_URL: `http://127.0.0.1:${await freePort()}` });
    expect(away.said).toContain("nothing was changed");
    expect(away.code).toBe(1);
    expect(() => calls()).toThrow("ENOENT");
    const none = await rollOut([], { PROMETHEUS_URL: "" });
    expect(none.code).not.toBe(0);
    expect(() => calls()).toThrow("ENOENT");
    writeFileSync(join(state, "job"), "Failed");
    const failed = await rollOut([]);
    expect(failed.said).toContain("the migration failed");
    expect([failed.code, applied()]).toEqual([1, []]);
  });

  it("roll-out.sh rolls back every role on request, the gateway first", { timeout: 60_000 }, async () => {
    expect((await rollOut(["back"])).code).toBe(0);
    expect(undone()).toEqual(["gateway", "query", "command", "worker"].map((role) => `deployment/${role}`));
    expect(applied()).toEqual([]);
  });
});

/** The labels that Kubernetes discovery gives to a pod of the shipped manifests. */
const found = (component: string, release: string): Readonly<Record<string, string>> => ({
  __meta_kubernetes_namespace: "gatehouse",
  __meta_kubernetes_pod_name: `${component}-${release}-1`,
  __meta_kubernetes_pod_container_port_name: "operations",
  __meta_kubernetes_pod_annotation_prometheus_io_scrape: "true",
  __meta_kubernetes_pod_annotation_prometheus_io_path: "/metrics",
  __meta_kubernetes_pod_label_app_kubernetes_io_component: component,
  __meta_kubernetes_pod_label_pod_template_hash: release,
});

/** The shipped scrape configuration, with file discovery instead of the cluster's. */
function shippedScrapes(folder: string): readonly object[] {
  const { scrape_configs } = parse(readFileSync(join(prometheusFolder, "kubernetes.yml"), "utf8"));
  return (scrape_configs as { kubernetes_sd_configs: unknown }[]).map(({ kubernetes_sd_configs: _, ...scrape }) => ({
    ...scrape,
    // A process that is busy for 700 ms answers late.
    scrape_interval: "2s",
    scrape_timeout: "2s",
    file_sd_configs: [{ files: [join(folder, "*.yml")], refresh_interval: "1s" }],
  }));
}
