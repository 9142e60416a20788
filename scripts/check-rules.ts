/**
 * Checks the alerts and recording rules by Prometheus' syntax check and its unit tests: each alert fires in its case, and none in a
 * healthy installation. The queries of the autoscalers' adapter are checked like rules. Skipped with a message where promtool is not
 * installed.
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

/** Debian's Prometheus is built without Kubernetes' service discovery; the rest of the file is checked. */
function withoutDiscovery(file: string): string {
  const { rule_files, scrape_configs, ...others } = parse(readFileSync(join(folder, file), "utf8"));
  const path = join(scratch, file);
  writeFileSync(
    path,
    stringify({
      ...others,
      rule_files: (rule_files as string[]).map((each) => join(folder, each)),
      scrape_configs: (scrape_configs as { kubernetes_sd_configs: unknown }[]).map(({ kubernetes_sd_configs: _, ...scrape }) => scrape),
    }),
  );
  return path;
}

function asRules(queries: readonly string[]): string {
  const path = join(scratch, "adapter.yml");
  const rules = queries.map((expr, index) => ({ record: `adapter_${index}`, expr }));
  writeFileSync(path, stringify({ groups: [{ name: "adapter", rules }] }));
  return path;
}
