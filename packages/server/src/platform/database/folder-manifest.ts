import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

/** In the cluster's folder, so that a copy or a backup includes its own manifest. */
const manifestName = "gatehouse.files.json";
/** PostgreSQL creates and removes these files by itself. */
const transient = /^(pg_stat|pg_stat_tmp|base\/pgsql_tmp)\/|^postmaster\.(pid|opts)$|^gatehouse\.files/;

/**
 * Records the files of the closed cluster and their sizes. PostgreSQL would read a truncated table file as
 * a smaller table and a missing one as an empty table; the next start detects both by this list.
 */
export function writeManifest(folder: string): void {
  const next = join(folder, `${manifestName}.next`);
  try {
    writeFileSync(next, JSON.stringify(Object.fromEntries(sizesOf(folder))));
    renameSync(next, join(folder, manifestName));
  } catch {
    // For example on a full disk. Without a list nothing is compared.
    rmSync(next, { force: true });
  }
}

/** The first file that is missing or shorter than at the last close; undefined if there is none, or no manifest. */
export function damagedFile(folder: string): string | undefined {
  const known = readManifest(folder);
  if (known === undefined) return undefined;
  const present = new Map(sizesOf(folder));
  for (const [path, size] of Object.entries(known)) {
    const found = present.get(path);
    if (found === undefined) return `postgres/${path} is missing`;
    if (found < size) return `postgres/${path} was cut short, from ${size} to ${found} bytes`;
  }
  return undefined;
}

/** Removes the manifest: while the cluster is open, its files change. */
export const removeManifest = (folder: string): void => rmSync(join(folder, manifestName), { force: true });

function readManifest(folder: string): Readonly<Record<string, number>> | undefined {
  const file = join(folder, manifestName);
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Record<string, number>;
  } catch {
    return undefined;
  }
}

function sizesOf(folder: string): [string, number][] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path): [string, number] => [relative(folder, path).replaceAll("\\", "/"), statSync(path).size])
    .filter(([path]) => !transient.test(path));
}
