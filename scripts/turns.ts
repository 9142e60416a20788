import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The turns of `npm run test:services` (docs/testing.md says which suite shows what). */
export interface Turn {
  readonly what: string;
  /** Filters and options of `vitest run`. */
  readonly args: readonly string[];
  readonly more: Readonly<Record<string, string>>;
  /** The service without which the turn is skipped, beside PostgreSQL. */
  readonly needs?: "nats";
  /** Whether its servers reach the database through a PgBouncer, which is started for the turn. */
  readonly pooled?: boolean;
}

const modules = "packages/server/src/modules";
const root = join(import.meta.dirname, "..");

/** Every test file but the scenarios, which have a turn of their own. */
export const files: readonly string[] = globSync(["packages/*/src/**/*.test.ts", "tests/**/*.test.ts"], { cwd: root })
  .filter((file) => !file.startsWith("tests/scenarios/"))
  .sort();

export const textOf = (file: string): string => readFileSync(join(root, file), "utf8");

/** By these a file says of some of its tests that they depend on a service; their titles name it. */
const titleMark = /\bdescribeOn(Postgresql|Redis)\b/;

/** By these a file says that what it shows depends on a service: several connections, an adapter, the backend of its servers. */
const fileMark =
  /\bonPostgresql\(|\blistens\(|\bservicesAsked\b|\bwhyNoPgbouncer\b|\bwhyNoPostgresql\b|\bpostgresAnswers\b|TEST_BACKEND|\bbackend\b/;

/** Where no title names the service, these mark the file too. */
const databaseMark = /\bstartPostgresql\b|\bmakeDatabase\(|\bfreshPostgresql\b/;

/** What depends on PostgreSQL and reads as if it did not. */
const dependentUnmarked: readonly string[] = [
  // The order of texts is the database's collation.
  "tests/security/cursors.test.ts",
  // The driver writes numbers and times.
  "tests/security/unstorable-input.test.ts",
  // Each is a process of its own with a database server.
  ...files.filter((file) => /^tests\/(services|distributed)\//.test(file)),
];

/** Files of which every test runs on services. */
export function dependsOnService(file: string): boolean {
  const text = textOf(file);
  return dependentUnmarked.includes(file) || fileMark.test(text) || (databaseMark.test(text) && !titleMark.test(text));
}

/** A test whose calls race says so in its title. One connection proves no race. */
export const racing = "at the same moment";

/** Files of which only those tests run on services whose titles say why; `npm test` has run the others. */
export const dependsByTitle = (file: string): boolean =>
  !dependsOnService(file) && (titleMark.test(textOf(file)) || textOf(file).includes(racing));

export const turns: readonly Turn[] = [
  {
    what: "files that depend on a service: each adapter on its service, and several processes",
    args: files.filter(dependsOnService),
    more: {},
  },
  {
    what: "tests that name a service in their title, or race: isolation, locks, plans, several connections",
    args: [...files.filter(dependsByTitle), `--testNamePattern=\\[(PostgreSQL|Redis)\\]|${racing}`],
    more: {},
  },
  {
    what: "each operation, one module by status, and who is believed on NATS, with each role in a process of its own",
    args: ["tests/distributed/operations", `${modules}/organization/tenancy/`, "tests/security/nats-tampering"],
    more: { TEST_TOPOLOGY: "distributed" },
    needs: "nats",
  },
  {
    what: "what runs at once, on a database that brings settings of its own along",
    args: ["tests/security/parallel-accepts", "tests/security/last-owner", "tests/security/single-use-races"],
    more: { TEST_DATABASE_SETTINGS: "foreign" },
  },
  {
    // Mails from the job queue and sessions.
    what: "operations by status, behind PgBouncer in transaction mode",
    args: [`${modules}/organization/tenancy/invitations`, `${modules}/signin/sessions/`],
    more: {},
    pooled: true,
  },
  { what: "faults, in their short form", args: ["tests/scenarios"], more: {} },
];
