import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@gatehouse/testing/free-port.ts";
import type { AnyBody } from "@gatehouse/testing/server.ts";
import { stringify } from "yaml";
import { prometheusFolder } from "./rules.ts";

export const prometheusInstalled = (): boolean => spawnSync("prometheus", ["--version"]).status === 0;

export interface Prometheus {
  readonly url: string;
  get(path: string, parameters?: Readonly<Record<string, string>>): Promise<{ status: string; error?: string; data: AnyBody }>;
  close(): Promise<void>;
}

/** A Prometheus of its own that scrapes `target` each second under our rules. */
export const startPrometheus = (target: string): Promise<Prometheus> =>
  startPrometheusWith([{ job_name: "gatehouse", static_configs: [{ targets: [target] }] }]);

export async function startPrometheusWith(scrape_configs: readonly object[]): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-prometheus-"));
  const configuration = {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: ["recording-rules.yml", "autoscaling-rules.yml", "alerts/*.yml"].map((file) => join(prometheusFolder, file)),
    scrape_configs,
  };
  writeFileSync(join(folder, "prometheus.yml"), stringify(configuration));
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(
    "prometheus",
    [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=${address}`,
      "--log.level=error",
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    url: `http://${address}`,
    async get(path, parameters = {}) {
      const response = await fetch(`http://${address}${path}?${new URLSearchParams(parameters)}`);
      return (await response.json()) as Awaited<ReturnType<Prometheus["get"]>>;
    },
    async close() {
      child.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
