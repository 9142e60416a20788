import { globSync, readFileSync } from "node:fs";
import { matchesGlob } from "node:path";
import { expect, test } from "vitest";
import { apart, leftOut } from "./turns.ts";

const files = globSync(["packages/*/src/**/*.test.ts", "tests/**/*.test.ts"], { cwd: new URL("..", import.meta.url) });
/** By these a test says that it runs on services alone. */
const onServicesAlone = /\bdescribeOnPostgresql\b|\blistens\(|TEST_BACKEND|\bwhyNoPgbouncer\b/;
/** By this a test says that it runs with all roles in one process alone. */
const inOneProcessAlone = /skipIf\(distributed\)/;

const isLeftOut = (file: string): boolean => leftOut.some((pattern) => matchesGlob(file, pattern));
const runsApart = (file: string): boolean => apart.some((folder) => file.startsWith(folder));

test("a test that runs on services alone has a turn", () => {
  const lost = files
    .filter((file) => isLeftOut(file) && !runsApart(file) && !file.startsWith("tests/scenarios/"))
    .filter((file) => onServicesAlone.test(readFileSync(new URL(`../${file}`, import.meta.url), "utf8")));
  expect(lost).toEqual([]);
});

test("a test that needs all roles in one process is not left to the turn with roles apart", () => {
  const lost = files
    .filter((file) => isLeftOut(file) && runsApart(file))
    .filter((file) => inOneProcessAlone.test(readFileSync(new URL(`../${file}`, import.meta.url), "utf8")));
  expect(lost).toEqual([]);
});

test("every pattern matches a file", () => {
  const all = [...files, ...globSync("scripts/**/*.test.ts", { cwd: new URL("..", import.meta.url) })];
  expect(leftOut.filter((pattern) => !all.some((file) => matchesGlob(file, pattern)))).toEqual([]);
});
