/**
 * `npm run test:ci`: runs the suite, and a few failed files once more, each alone. Thousands of tests with real processes share two cores.
 * A test that fails with others and passes alone is listed at the end, so that it gets fixed. A test that fails twice fails the run, and so
 * do failures in many files.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";

/** More failed files than this are not retried. */
const filesAgainMax = 5;
const slowestShown = 20;

interface FailedFile {
  readonly path: string;
  /** Full names of its failed tests; none where the file itself could not be run. */
  readonly tests: readonly string[];
}

/** Whether the files that `args` of `vitest run` select passed. Write an option's value with "=", because other arguments are filters. */
export async function runSuite(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<boolean> {
  const options = args.filter((argument) => argument.startsWith("-"));
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-suite-"));
  try {
    const path = join(folder, "report.json");
    const passed = await vitest([...args, "--reporter=default", "--reporter=json", `--outputFile.json=${path}`], environment);
    const report = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Report) : { testResults: [] };
    say(`\nthe slowest tests:\n${slowest(report).join("\n")}\n\nthe slowest folders:\n${slowestFolders(report).join("\n")}`);
    if (passed) return true;
    const failed = failedFiles(report);
    // No file: the failure belongs to none, such as an uncaught error.
    if (failed.length === 0 || failed.length > filesAgainMax) return false;
    say(`\nonce more, each alone: ${failed.map((file) => relative(".", file.path)).join(", ")}`);
    for (const file of failed) if (!(await vitest([file.path, ...options], environment))) return false;
    say("\nfailed with others and passed alone:");
    for (const file of failed)
      for (const test of file.tests.length > 0 ? file.tests : ["the file"]) say(`  ${relative(".", file.path)}: ${test}`);
    return true;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function vitest(args: readonly string[], environment: Readonly<Record<string, string>>): Promise<boolean> {
  const child = spawn("vitest", ["run", ...args], { stdio: "inherit", env: { ...process.env, ...environment } });
  const [status] = await once(child, "exit");
  return status === 0;
}

/** The used fields of Vitest's JSON report. Times are milliseconds. */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string; readonly duration?: number | null }[];
  }[];
}

export function failedFiles({ testResults }: Report): readonly FailedFile[] {
  return testResults
    .filter(({ status }) => status === "failed")
    .map(({ name, assertionResults }) => ({
      path: name,
      tests: assertionResults.filter(({ status }) => status === "failed").map(({ fullName }) => fullName),
    }));
}

/** Lines that name the tests that took longest, slowest first. A module's tests have a budget (docs/testing.md). */
export function slowest({ testResults }: Report): readonly string[] {
  return testResults
    .flatMap(({ name, assertionResults }) =>
      assertionResults.map(({ fullName, duration }) => ({ file: relative(".", name), fullName, seconds: (duration ?? 0) / 1_000 })),
    )
    .toSorted((one, other) => other.seconds - one.seconds)
    .slice(0, slowestShown)
    .map(({ file, fullName, seconds }) => `${seconds.toFixed(1).padStart(7)} s  ${file}: ${fullName}`);
}

/** Lines that name the folders whose tests took longest, slowest first. */
export function slowestFolders({ testResults }: Report): readonly string[] {
  const seconds = new Map<string, number>();
  for (const { name, assertionResults } of testResults) {
    const folder = dirname(relative(".", name));
    const taken = assertionResults.reduce((sum, { duration }) => sum + (duration ?? 0) / 1_000, 0);
    seconds.set(folder, (seconds.get(folder) ?? 0) + taken);
  }
  return [...seconds]
    .toSorted(([, one], [, other]) => other - one)
    .slice(0, slowestShown)
    .map(([folder, taken]) => `${taken.toFixed(1).padStart(7)} s  ${folder}`);
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

if (import.meta.main) process.exitCode = (await runSuite(process.argv.slice(2))) ? 0 : 1;
