/** Generates deploy/grafana/dashboards from their source. `--check` writes nothing and fails where a file is outdated. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { grafana } from "./source/dashboard.ts";
import { dashboards } from "./source/dashboards.ts";

for (const dashboard of dashboards) {
  const file = join(import.meta.dirname, "dashboards", `${dashboard.uid}.json`);
  const text = `${JSON.stringify(grafana(dashboard), null, 2)}\n`;
  if (existsSync(file) && readFileSync(file, "utf8") === text) continue;
  if (process.argv.includes("--check")) {
    process.stderr.write(`deploy/grafana/dashboards/${dashboard.uid}.json is outdated; run node deploy/grafana/build.ts.\n`);
    process.exitCode = 1;
  } else writeFileSync(file, text);
}
