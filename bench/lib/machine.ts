import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, availableParallelism, cpus, loadavg, platform, release, totalmem } from "node:os";
import { join } from "node:path";
import { benchFolder, rootFolder } from "./paths.ts";
import { postgresVersion } from "./postgres.ts";

export interface Machine {
  cpu: string;
  cores: number;
  memoryGiB: number;
  system: string;
  /** One-minute load before the first benchmark; each benchmark measures other programs more precisely. */
  loadBefore: number;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round((totalmem() / 2 ** 30) * 10) / 10,
    system: `${platform()} ${release()} ${arch()}`,
    loadBefore: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

export interface Versions {
  node: string;
  postgres: string;
  peers: Record<string, string>;
  gatehouse: string;
  /** Where the product resolves another version of a library than its reference does. */
  differs: string[];
}

const measuredPeers = [
  "fastify",
  "better-auth",
  "pg",
  "@electric-sql/pglite",
  "@node-rs/argon2",
  "@casl/ability",
  "casbin",
  "@cedar-policy/cedar-wasm",
];

export async function describeVersions(): Promise<Versions> {
  const peers: Record<string, string> = {};
  const differs: string[] = [];
  const server = join(rootFolder, "packages", "server");
  for (const name of measuredPeers) {
    const version = installedVersion(benchFolder, name) ?? "missing";
    peers[name] = version;
    const product = installedVersion(server, name);
    if (product !== undefined && product !== version) differs.push(`${name}: product ${product}, reference ${version}`);
  }
  return { node: process.version, postgres: await postgresVersion(), peers, gatehouse: gatehouseVersion(server), differs };
}

/** Packages may hide their package.json behind `exports`, so it is looked up on the resolution paths instead. */
function installedVersion(from: string, name: string): string | undefined {
  const folders = createRequire(join(from, "package.json")).resolve.paths(name) ?? [];
  for (const folder of folders) {
    const version = versionIn(join(folder, name, "package.json"));
    if (version !== undefined) return version;
  }
  return undefined;
}

function versionIn(file: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
  } catch {
    return undefined;
  }
}

function gatehouseVersion(server: string): string {
  const version = versionIn(join(server, "package.json")) ?? "missing";
  try {
    const commit = git("rev-parse", "--short", "HEAD");
    const changed = git("status", "--porcelain", "--", "packages") !== "";
    return `${version} at ${commit}${changed ? ", with uncommitted changes" : ""}`;
  } catch {
    // Not a git checkout, or nothing committed yet: the version alone has to do.
    return version;
  }
}

function git(...args: string[]): string {
  // Without its optional locks git only reads: the bench changes nothing in the checkout.
  return execFileSync("git", ["--no-optional-locks", ...args], {
    cwd: rootFolder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  }).trim();
}
