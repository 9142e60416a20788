import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removedAtEnd } from "@gatehouse/testing/child.ts";
import { root } from "../../newcomer/process.ts";

/** A commit from before the roles were divided (decision 0022); to be replaced by the last release. */
const beforeTheRoles = "0544a87";

const git = (...args: string[]): string =>
  execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();

/** The commit of the older build; undefined without the history, as in a shallow clone. */
export function olderCommit(): string | undefined {
  try {
    return git("describe", "--tags", "--abbrev=0");
  } catch {
    try {
      return git("rev-parse", "--verify", "--short", `${beforeTheRoles}^{commit}`);
    } catch {
      return undefined;
    }
  }
}

/** Whether the sources of a commit contain a schema step. */
export function knowsStep(commit: string, step: string): boolean {
  try {
    return git("grep", "--files-with-matches", "--fixed-strings", step, commit, "--", "packages") !== "";
  } catch {
    return false;
  }
}

/** Checks the older build out into a folder, with its dependencies. */
export function layOutOlderBuild(commit: string): string {
  const folder = removedAtEnd(mkdtempSync(join(tmpdir(), "gatehouse-chaos-older-")));
  const archive = execFileSync("git", ["archive", commit], { cwd: root, maxBuffer: 256 * 1_024 * 1_024 });
  execFileSync("tar", ["-x", "-C", folder], { input: archive });
  if (sameDependencies(folder)) linkDependencies(folder);
  else execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: folder, stdio: "ignore" });
  return folder;
}

/** True if every dependency of the older build is installed in its version. */
function sameDependencies(folder: string): boolean {
  const [older, here] = [locked(folder), locked(root)];
  return Object.entries(older).every(([name, { version }]) => version === undefined || here[name]?.version === version);
}

const locked = (folder: string): Readonly<Record<string, { readonly version?: string }>> =>
  Object.fromEntries(
    Object.entries(
      JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8")).packages as Record<string, { version?: string }>,
    ).filter(([path]) => path.startsWith("node_modules/")),
  );

/** Links this build's libraries; the product's own packages are the older ones. */
function linkDependencies(folder: string): void {
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@gatehouse"), { recursive: true });
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (name !== "@gatehouse" && name !== "gatehouse") symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
  for (const name of readdirSync(join(folder, "packages"))) symlinkSync(join(folder, "packages", name), join(modules, "@gatehouse", name));
}
