/**
 * `npm run check`, vocabulary: one concept has one name, the one that the field uses (scripts/vocabulary/terms.ts). Reads identifiers,
 * comments and texts of the sources and the documentation. Only docs/sources.md and decision records may cite sections of the source
 * documents, because they are not public.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { segmentsOf } from "./vocabulary/segments.ts";
import { type Term, terms } from "./vocabulary/terms.ts";

const root = join(import.meta.dirname, "..");
const sources = [
  "packages/*/src/**/*.ts",
  "packages/*/bin/*.js",
  "examples/*/*.js",
  "examples/*/{api,cli,lib,machine,service,spa,web}/*.js",
  "tests/**/*.ts",
  "bench/**/*.ts",
  "scripts/**/*.ts",
  "deploy/**/*.ts",
];
const pages = ["*.md", "examples/*/*.md", "docs/**/*.md", "packages/*/*.md", "deploy/**/*.{md,yml,yaml}"];
const exempt =
  /^scripts\/(?:vocabulary\/|check-vocabulary)|^docs\/(?:decisions|reference\/released)\/|^docs\/sources\.md$|^CHANGELOG\.md$|node_modules/;

const section = /\bS[0-4](?:'s)? §|\(S[0-4]\b/;

interface Finding {
  readonly file: string;
  readonly line: number;
  readonly found: string;
  readonly instead: string;
}

/** The words of an identifier: `findOldest_row` has find, oldest, row. */
const wordsOf = (identifier: string): string =>
  identifier
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/[_$]+/g, " ")
    .toLowerCase();

const matching = (term: Term, kind: "identifiers" | "prose", text: string): string | undefined =>
  term.only === undefined || term.only === kind ? term.refused.exec(text)?.[0] : undefined;

function* findings(kind: "identifiers" | "prose", text: string, file: string, line: number): Generator<Finding> {
  for (const term of terms) {
    const found = matching(term, kind, text);
    if (found !== undefined) yield { file, line, found, instead: term.instead };
  }
  const cited = kind === "prose" ? section.exec(text)?.[0] : undefined;
  if (cited !== undefined) yield { file, line, found: cited, instead: "a sentence; sections belong in docs/sources.md" };
}

function* ofProse(text: string, file: string, from: number): Generator<Finding> {
  for (const [index, line] of text.split("\n").entries())
    yield* findings("prose", line.toLowerCase().replace(/\bs([0-4])(?='s §| §)/g, "S$1"), file, from + index);
}

function* ofSource(text: string, file: string): Generator<Finding> {
  for (const segment of segmentsOf(text)) {
    // A text without a space is a value, not a sentence: "he" is also a language code.
    if (segment.kind === "text" && !segment.text.includes(" ")) continue;
    if (segment.kind !== "code") yield* ofProse(segment.text, file, segment.line);
    else
      for (const [index, line] of segment.text.split("\n").entries())
        for (const [identifier] of line.matchAll(/[A-Za-z_$][\w$]*/g))
          yield* findings("identifiers", wordsOf(identifier), file, segment.line + index);
  }
}

const found: Finding[] = [];
for (const file of globSync([...sources, ...pages], { cwd: root }).sort()) {
  if (exempt.test(file)) continue;
  const text = readFileSync(join(root, file), "utf8");
  found.push(...(/\.(?:ts|js)$/.test(file) ? ofSource(text, file) : ofProse(text, file, 1)));
}
for (const { file, line, found: word, instead } of found) process.stderr.write(`${file}:${line} says "${word}"; the word is: ${instead}\n`);
if (found.length > 0) process.exitCode = 1;
