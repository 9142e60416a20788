import { globSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dependsByTitle, dependsOnService, files, racing, textOf, turns } from "./turns.ts";

const root = join(import.meta.dirname, "..");

test("every filter of a turn matches a file", () => {
  const all = globSync(["packages/*/src/**/*.test.ts", "tests/**/*.test.ts"], { cwd: root });
  const filters = turns.flatMap(({ args }) => args.filter((argument) => !argument.startsWith("-")));
  expect(filters.filter((filter) => !all.some((file) => file.includes(filter)))).toEqual([]);
});

test("a file that needs a service is recognized", () => {
  const marked = [
    "packages/server/src/platform/broker/kafka.test.ts",
    "packages/server/src/modules/signin/sessions/processes.test.ts",
    "tests/security/last-owner.test.ts",
    "tests/services/failover.test.ts",
  ];
  expect(marked.filter((file) => !dependsOnService(file))).toEqual([]);
  const markedByTitle = [
    "packages/server/src/platform/snapshot-cache/redis.test.ts",
    "packages/server/src/platform/log/interleaved-transactions.test.ts",
    "tests/operations/statement-plans.test.ts",
    "tests/security/single-use-races.test.ts",
  ];
  expect(markedByTitle.filter((file) => !dependsByTitle(file))).toEqual([]);
  const unmarked = [
    "packages/server/src/operation/documents/openapi.test.ts",
    "tests/security/mass-assignment.test.ts",
    "tests/policy/corpus.test.ts",
  ];
  expect(unmarked.filter((file) => dependsOnService(file) || dependsByTitle(file))).toEqual([]);
});

test("every file with a concurrency test runs on several connections", () => {
  const withRaces = files.filter((file) => textOf(file).includes(racing) && !file.startsWith("packages/policy/"));
  expect(withRaces.length).toBeGreaterThan(5);
  expect(withRaces.filter((file) => !dependsByTitle(file) && !dependsOnService(file))).toEqual([]);
});

test("a test that needs all roles in one process runs on one process, too", () => {
  const apart = turns.filter(({ more }) => more["TEST_TOPOLOGY"] === "distributed").flatMap(({ args }) => args);
  const lost = files
    .filter((file) => apart.some((filter) => file.includes(filter)) && /skipIf\(distributed\)/.test(textOf(file)))
    .filter((file) => textOf(file).includes("describeOnPostgresql") && !dependsOnService(file) && !dependsByTitle(file));
  expect(lost).toEqual([]);
});
