/** Every relative link and every path in code in the documentation leads to something that exists. */
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const root = join(import.meta.dirname, "..");
const pages = globSync(["*.md", "docs/**/*.md", "bench/*.md", "packages/*/README.md"], { cwd: root });
const link = /\]\(([^)\s]+)\)/g;
/** `packages/…`, `docs/…` and the like, in code; a place of a kind (`<module>`, `*`, `…`) is no path. */
const path = /`((?:packages|docs|bench|scripts|tests|deploy)\/[\w./-]+)`/g;

const problems: string[] = [];
for (const page of pages) {
  const text = readFileSync(join(root, page), "utf8");
  for (const [, target] of text.matchAll(link)) {
    if (!target || /^[a-z]+:/.test(target) || target.startsWith("#")) continue;
    const file = normalize(join(dirname(page), target.split("#")[0] as string));
    if (!existsSync(join(root, file))) problems.push(`${page}: the link to ${target} leads nowhere`);
  }
  for (const [, file] of text.matchAll(path)) {
    if (file && !existsSync(join(root, file))) problems.push(`${page}: there is no ${file}`);
  }
}
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length > 0 ? 1 : 0;
