import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { version } from "../version.ts";

const root = join(import.meta.dirname, "../../../../..");
const source = join(root, "packages/server");

/** Folders of the PATH without those that a package manager prepends, which would hide the machine's own Node. */
const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => !folder.includes("node_modules"));
const oldNode = folders.map((folder) => join(folder, "node")).find((program) => existsSync(program) && isOld(program));
const why = oldNode === undefined ? " (skipped: no Node before 22.18 is installed)" : "";

function isOld(program: string): boolean {
  const [major = 0, minor = 0] = execFileSync(program, ["--version"], { encoding: "utf8" }).slice(1).split(".").map(Number);
  return major < 22 || (major === 22 && minor < 18);
}

/** A folder with the packages as a package manager installs them: copied below node_modules, with their dependencies. */
function install(): string {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-installed-"));
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@gatehouse"), { recursive: true });
  for (const [from, to] of [
    ["server", "gatehouse"],
    ["policy", "@gatehouse/policy"],
  ] as const) {
    cpSync(join(root, "packages", from), join(modules, to), { recursive: true });
  }
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (name.startsWith(".") || ["gatehouse", "@gatehouse", "node"].includes(name)) continue;
    symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
  return folder;
}

const run = (node: string, program: string, args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(node, [program, ...args], { encoding: "utf8", env: { PATH: dirname(node) } });
  return { status, stdout: stdout.trim(), stderr: stderr.trim() };
};

describe("the program, installed below node_modules", () => {
  let folder: string;
  let installed: string;
  beforeAll(() => {
    folder = install();
    installed = join(folder, "node_modules/gatehouse");
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("runs on a recent Node without output of its own", () => {
    const program = join(installed, "bin/gatehouse.js");
    expect(run(process.execPath, program, ["--version"])).toEqual({ status: 0, stdout: version, stderr: "" });
    // `--version` loads no product code; `help` loads all of it.
    expect(run(process.execPath, program, ["help"])).toEqual({
      status: 0,
      stdout: expect.stringMatching(`^gatehouse ${version}\n`),
      stderr: "",
    });
  });

  it.skipIf(oldNode === undefined)(`names the required Node where it finds none, and exits 78${why}`, () => {
    const answer = run(oldNode as string, join(installed, "bin/gatehouse.js"), ["--version"]);
    expect(answer).toEqual({
      status: 78,
      stdout: "",
      stderr: expect.stringMatching(/^Gatehouse needs Node 22\.18 or later; this is v[\d.]+, .*$/),
    });
  });

  it.skipIf(oldNode === undefined)(`runs on the Node of the package \`node\` below it or next to it${why}`, () => {
    for (const at of [join(installed, "node_modules/node"), join(folder, "node_modules/node")]) {
      mkdirSync(dirname(at), { recursive: true });
      symlinkSync(join(root, "node_modules/node"), at);
      expect(run(oldNode as string, join(installed, "bin/gatehouse.js"), ["--version"]), at).toEqual({
        status: 0,
        stdout: version,
        stderr: "",
      });
      rmSync(at);
    }
  });

  it.skipIf(oldNode === undefined)(`does not run on a package that is too old as well${why}`, () => {
    const at = join(folder, "node_modules/node");
    mkdirSync(join(at, "bin"), { recursive: true });
    cpSync(join(root, "node_modules/node/package.json"), join(at, "package.json"));
    symlinkSync(oldNode as string, join(at, "bin/node"));
    expect(run(oldNode as string, join(installed, "bin/gatehouse.js"), ["--version"]).status).toBe(78);
    rmSync(at, { recursive: true });
  });
});

describe.skipIf(oldNode === undefined)(`the program under an older Node${why}`, () => {
  const node = oldNode as string;

  it("runs from its folder and from node_modules/.bin", () => {
    for (const program of [join(source, "bin/gatehouse.js"), join(root, "node_modules/.bin/gatehouse")])
      expect(run(node, program, ["--version"]), program).toEqual({ status: 0, stdout: version, stderr: "" });
  });

  it("exits with the code of the command", () => {
    expect(run(node, join(source, "bin/gatehouse.js"), ["no-such-command"]).status).toBe(64);
  });

  it("forwards a signal, and exits when the server has stopped", async () => {
    const child = spawn(node, [join(source, "bin/gatehouse.js"), "start"], {
      env: { PATH: dirname(node), GATEHOUSE_DATA_DIR: "memory", PORT: "0", LOG_LEVEL: "info" },
    });
    let output = "";
    const ready = Promise.withResolvers<void>();
    child.stdout.on("data", (chunk) => {
      output += chunk;
      if (output.includes("Gatehouse is ready")) ready.resolve();
    });
    child.on("exit", () => ready.reject(new Error(output)));
    await ready.promise;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
    expect(output).toContain('"message":"stopped"');
  }, 60_000);
});
