/**
 * The alerts and recording rules: Prometheus' own check of their form, and its unit tests: each alert fires on what it is
 * for, and none in a healthy installation. What the autoscalers' adapter asks is checked as if it were a rule. Says so and checks
 * nothing where promtool is not installed.
 */
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { adapterQueries } from "./references/adapter-queries.ts";

const deploy = join(import.meta.dirname, "..", "deploy");
const folder = join(deploy, "prometheus");
const files = (pattern: string): string[] => globSync(pattern, { cwd: folder }).sort();
const scratch = mkdtempSync(join(tmpdir(), "gatehouse-rules-"));

const calls = [
  ["check", "config", "prometheus.yml"],
  ["check", "config", withoutDiscovery("kubernetes.yml")],
  ["check", "rules", asRules(adapterQueries().map(({ query }) => query))],
  ["test", "rules", ...files("tests/*.yml")],
];

for (const args of calls) {
  const { error, status, stdout, stderr } = spawnSync("promtool", args, { cwd: folder, encoding: "utf8" });
  if ((error as NodeJS.ErrnoException | undefined)?.code === "ENOENT") {
    process.stdout.write("skipped: promtool is not installed\n");
    break;
  }
  if (status !== 0) {
    process.stderr.write(`promtool ${args.join(" ")}\n${stdout}${stderr}`);
    process.exitCode = 1;
  }
}
rmSync(scratch, { recursive: true, force: true });

/** Debian's Prometheus is built without the discovery of Kubernetes; all else of the file is checked. */
function withoutDiscovery(file: string): string {
  const { rule_files, scrape_configs, ...others } = parse(readFileSync(join(folder, file), "utf8"));
  const place = join(scratch, file);
  writeFileSync(
    place,
    stringify({
      ...others,
      rule_files: (rule_files as string[]).map((each) => join(folder, each)),
      scrape_configs: (scrape_configs as { kubernetes_sd_configs: unknown }[]).map(({ kubernetes_sd_configs: _, ...scrape }) => scrape),
    }),
  );
  return place;
}

function asRules(queries: readonly string[]): string {
  const place = join(scratch, "adapter.yml");
  const rules = queries.map((expr, index) => ({ record: `adapter_${index}`, expr }));
  writeFileSync(place, stringify({ groups: [{ name: "adapter", rules }] }));
  return place;
}
