import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The turns of `npm run test:services` (see docs/testing.md). */
export interface Turn {
  readonly what: string;
  /** Filters and options of `vitest run`. */
  readonly args: readonly string[];
  readonly more: Readonly<Record<string, string>>;
  /** A service, in addition to PostgreSQL, without which the turn is skipped. */
  readonly needs?: "nats";
  /** Whether its servers connect through a PgBouncer, which is started for the turn. */
  readonly pooled?: boolean;
}

const modules = "packages/server/src/modules";
const root = join(import.meta.dirname, "..");

/** Every test file except the scenarios, which have their own turn. */
export const files: readonly string[] = globSync(["packages/*/src/**/*.test.ts", "tests/**/*.test.ts"], { cwd: root })
  .filter((file) => !file.startsWith("tests/scenarios/"))
  .sort();

export const textOf = (file: string): string => readFileSync(join(root, file), "utf8");

/** Code that marks single tests as dependent on a service: it adds the service to their titles. */
const titleMark = /\bdescribeOn(Postgresql|Redis)\b/;

/** Code that marks a whole file as dependent on a service: several connections, an adapter, the backend of its servers. */
const fileMark =
  /\bonPostgresql\(|\blistens\(|\bservicesAsked\b|\bwhyNoPgbouncer\b|\bwhyNoPostgresql\b|\bpostgresAnswers\b|TEST_BACKEND|\bbackend\b/;

/** Marks a whole file, too, where no title names the service. */
const databaseMark = /\bstartPostgresql\b|\bmakeDatabase\(|\bfreshPostgresql\b/;

/** Files that depend on PostgreSQL without such a mark. */
const dependentUnmarked: readonly string[] = [
  // The order of strings follows the database's collation.
  "tests/security/cursors.test.ts",
  // The driver writes numbers and times.
  "tests/security/unstorable-input.test.ts",
  // Each runs a separate process with a database server.
  ...files.filter((file) => /^tests\/(services|distributed)\//.test(file)),
];

/** Files whose tests all run on services. */
export function dependsOnService(file: string): boolean {
  const text = textOf(file);
  return dependentUnmarked.includes(file) || fileMark.test(text) || (databaseMark.test(text) && !titleMark.test(text));
}

/** The words in the title of a test with concurrent calls. One connection cannot prove it. */
export const racing = "concurrent";

/** Files whose tests run on services only where the title gives the reason; `npm test` runs the others. */
export const dependsByTitle = (file: string): boolean =>
  !dependsOnService(file) && (titleMark.test(textOf(file)) || textOf(file).includes(racing));

export const turns: readonly Turn[] = [
  {
    what: "files that depend on a service: each adapter on its service, and several processes",
    args: files.filter(dependsOnService),
    more: {},
  },
  {
    what: "concurrent operations, and tests that name a service in their title: isolation, locks, plans, several connections",
    args: [...files.filter(dependsByTitle), `--testNamePattern=\\[(PostgreSQL|Redis)\\]|${racing}`],
    more: {},
  },
  {
    what: "each operation, one module by status, and authentication on NATS, with each role in its own process",
    args: ["tests/distributed/operations", `${modules}/organization/tenancy/`, "tests/security/nats-tampering"],
    more: { TEST_TOPOLOGY: "distributed" },
    needs: "nats",
  },
  {
    what: "concurrent operations, on a database with its own settings",
    args: ["tests/security/parallel-accepts", "tests/security/last-owner", "tests/security/single-use-races"],
    more: { TEST_DATABASE_SETTINGS: "foreign" },
  },
  {
    // Covers mails from the job queue, and sessions.
    what: "operations by status, behind PgBouncer in transaction mode",
    args: [`${modules}/organization/tenancy/invitations`, `${modules}/signin/sessions/`],
    more: {},
    pooled: true,
  },
  { what: "faults, in their short form", args: ["tests/scenarios"], more: {} },
];
