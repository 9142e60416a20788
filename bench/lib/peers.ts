import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { benchFolder } from "./paths.ts";

/**
 * The peers have a separate lock file, so that the product does not depend on them; the first run installs them.
 * npm writes `.package-lock.json` last: an interrupted installation is repeated.
 */
export function installPeers(): void {
  if (existsSync(join(benchFolder, "node_modules", ".package-lock.json"))) return;
  console.log("bench/node_modules is missing: installing the peers with `npm ci` in bench/");
  const { status, error } = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: benchFolder, stdio: "inherit" });
  if (error) throw new Error(`npm ci could not be started: ${error.message}`);
  if (status !== 0) throw new Error(`npm ci in bench/ ended with ${status}`);
}
