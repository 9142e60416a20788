/**
 * SQL that cannot use an index. `is [not] distinct from` is refused in product code: on a tenant's column it reads the
 * rows of every tenant. Use `ofTenant` or `equalOrNull` (platform/database/tenant-predicate.ts); inside SQL, write `=` for the rows of
 * organizations and a second branch with `is null` for those of the internal scope.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const withoutIndex = /\bis\s+(?:not\s+)?distinct\s+from\b/i;
const isComment = (line: string): boolean => /^\s*(?:\*|\/\*|\/\/)/.test(line);

for (const file of globSync("packages/*/src/**/*.ts", { cwd: root }).sort()) {
  if (/\.test\.ts$|\/conformance\//.test(file)) continue;
  const lines = readFileSync(join(root, file), "utf8").split("\n");
  for (const [index, line] of lines.entries()) {
    if (isComment(line) || !withoutIndex.test(line)) continue;
    process.stderr.write(`${file}:${index + 1} compares with \`is distinct from\`, which uses no index: ${line.trim()}\n`);
    process.exitCode = 1;
  }
}
