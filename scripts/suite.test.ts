import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-suite-test-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const passes = "test('holds', () => {});";
const fails = "test('does not hold', () => expect(1).toBe(2));";
/** Fails at its first run only. */
const failsOnce = (name: string): string => `
  import { existsSync, writeFileSync } from "node:fs";
  test("holds when alone", () => {
    const seen = existsSync("${name}.seen");
    writeFileSync("${name}.seen", "");
    expect(seen).toBe(true);
  });`;

/** Runs the program on a suite of these files, by name. */
function suite(files: Readonly<Record<string, string>>): Promise<{ code: number; output: string }> {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, `${name}.test.js`), text);
  const args = [join(import.meta.dirname, "suite.ts"), `--root=${folder}`, "--globals", "--maxWorkers=1"];
  const env = { PATH: `${join(import.meta.dirname, "../node_modules/.bin")}:${process.env["PATH"]}`, NO_COLOR: "1" };
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: folder, env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    );
  });
}

test("a passing suite runs once", async () => {
  const { code, output } = await suite({ good: passes });
  expect(code, output).toBe(0);
  expect(output).not.toContain("once more");
});

test("the slowest tests are named, slowest first", async () => {
  const waits = "test('waits', () => new Promise((done) => setTimeout(done, 300)));";
  const { output } = await suite({ good: passes, slow: waits });
  expect(output).toMatch(/the slowest tests:\n +0\.[3-9] s {2}slow\.test\.js: waits\n +\d\.\d s {2}good\.test\.js: holds\n/);
});

test("a test that fails with others and passes alone is named, and does not fail the run", async () => {
  const { code, output } = await suite({ good: passes, shy: failsOnce("shy") });
  expect(code, output).toBe(0);
  expect(output).toContain("once more, each alone: shy.test.js");
  expect(output).toMatch(/passed alone:\n {2}shy\.test\.js: holds when alone/);
});

test("a test that fails twice fails the run", async () => {
  const { code, output } = await suite({ bad: fails, shy: failsOnce("shy") });
  expect(code, output).toBe(1);
  expect(output).toContain("once more, each alone: bad.test.js");
  expect(output).not.toContain("to be looked at");
});

test("a file that cannot be read counts as failed", async () => {
  const { code, output } = await suite({ broken: "import './nowhere.js';" });
  expect(code, output).toBe(1);
  expect(output).toContain("once more, each alone: broken.test.js");
});

test("an error that belongs to no test fails the run at once", async () => {
  const { code, output } = await suite({
    good: `${passes} setTimeout(() => { throw new Error("uncaught"); }); test("waits", () => new Promise((done) => setTimeout(done, 50)));`,
  });
  expect(code, output).toBe(1);
  expect(output).not.toContain("once more");
});

test("many failed files are not retried", async () => {
  const { code, output } = await suite(Object.fromEntries(["a", "b", "c", "d", "e", "f"].map((name) => [name, failsOnce(name)])));
  expect(code, output).toBe(1);
  expect(output).not.toContain("once more");
});
