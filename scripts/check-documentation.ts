/** Checks that every relative link, path and operation in the documentation exists, and every name of the code that a contributor reads. */
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { catalogue } from "../packages/server/src/operation/declaration/catalogue.ts";
import { manifests } from "../packages/server/src/runtime/modules.ts";

const root = join(import.meta.dirname, "..");
const pages = globSync(["*.md", "docs/**/*.md", "bench/*.md", "examples/*/*.md", "packages/*/README.md"], { cwd: root });
const link = /\]\(([^)\s]+)\)/g;
/** `packages/…`, `docs/…` and the like, in code; a placeholder (`<module>`, `*`, `…`) is not a path. */
const path = /`((?:packages|docs|bench|examples|scripts|tests|deploy)\/[\w./-]+)`/g;

/** Paths below the server's sources, as in docs/sources.md. */
const sourcePath = /`((?:modules|operation|platform|runtime)\/[\w./-]*)`/g;
/** An operation's name, `tenancy.inviteMember`. */
const operationName = new RegExp(`\`((?:${manifests.map(({ module }) => module.name).join("|")})\\.[a-z]\\w+)\``, "g");

/** Pages that name functions, types and fields of the sources. */
const contributorPages = new Set(["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/testing.md"]);
const codeSpan = /`([^`\n]+)`/g;
/** A name in camel case that is not part of a path. */
const identifier = /(?<![\w./-])(?:[a-z]+|[A-Z][a-z]+)[A-Z]\w*/g;
const sources = globSync(["packages/*/src/**/*.ts", "scripts/**/*.ts"], { cwd: root });
const identifiers = new Set(sources.flatMap((file) => readFileSync(join(root, file), "utf8").match(/[A-Za-z_]\w*/g) ?? []));

const known = catalogue(manifests);
const names = new Set([...known.byName.keys(), ...known.errors.keys()]);
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
  for (const [, file] of text.matchAll(sourcePath)) {
    if (file && !existsSync(join(root, "packages/server/src", file))) problems.push(`${page}: there is no packages/server/src/${file}`);
  }
  if (contributorPages.has(page)) {
    for (const [, code = ""] of text.replace(/```[\s\S]*?```/g, "").matchAll(codeSpan)) {
      for (const [name] of code.matchAll(identifier)) if (!identifiers.has(name)) problems.push(`${page}: nothing is named ${name}`);
    }
  }
  for (const [, name] of text.matchAll(operationName)) {
    if (name && !names.has(name)) problems.push(`${page}: there is no operation or error ${name}`);
  }
}
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length > 0 ? 1 : 0;
