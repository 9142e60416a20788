/**
 * Refuses SQL with one parameter for each value: such a statement works in every test and fails at 65,535 of them. Lists and rows are
 * passed as one parameter, by `anyOf`, `allOf`, `insertMany` and `asRows` of platform/database/many-rows.ts.
 */
import { globSync, readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

interface Rule {
  readonly pattern: RegExp;
  readonly instead: string;
}

const rules: readonly Rule[] = [
  // A sub-select is one: `"in", (db) => …`.
  { pattern: /"(?:not )?in",(?!\s*\(\w*\) =>)/g, instead: 'write ("=", anyOf(…)) or ("<>", allOf(…))' },
  { pattern: /\bin \(\$\{/g, instead: "write `= anyOf(…)` or `<> allOf(…)`" },
  { pattern: /\bvalues \$\{/g, instead: "call insertMany, or select from asRows" },
  { pattern: /sql\.join\((?:(?!sql\.join\()[^;])*?=>\s*sql`\(/g, instead: "call insertMany, or select from asRows" },
  { pattern: /(?<!Object)\.values\(\s*(?:\[|\w*(?:rows|s)\)|[^(){};]*\.map\()/g, instead: "call insertMany" },
];

/** The helpers themselves, and files that are not product code. */
const exempt = /many-rows\.ts$|\.test\.ts$|\/testing\/|\/conformance\//;

export interface Breach {
  readonly line: number;
  readonly text: string;
  readonly instead: string;
}

export const breachesIn = (source: string): readonly Breach[] =>
  rules.flatMap(({ pattern, instead }) =>
    [...source.matchAll(pattern)].map((match) => ({
      line: source.slice(0, match.index).split("\n").length,
      text: match[0].replaceAll(/\s+/g, " ").slice(0, 80),
      instead,
    })),
  );

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  let found = 0;
  for (const file of globSync("packages/server/src/**/*.ts").filter((path) => !exempt.test(path))) {
    for (const { line, text, instead } of breachesIn(readFileSync(file, "utf8"))) {
      found += 1;
      process.stdout.write(`${file}:${line}: \`${text}\` has one parameter for each value; ${instead}\n`);
    }
  }
  process.exitCode = found > 0 ? 1 : 0;
}
