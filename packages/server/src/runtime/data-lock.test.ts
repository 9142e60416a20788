import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DataDirectoryHeld, holderOf, lockDataDir } from "./data-lock.ts";

let folder: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-lock-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  rmSync(folder, { recursive: true, force: true });
});

const url = "http://127.0.0.1:8080";
const file = () => join(folder, "gatehouse.lock");

/** Another process that takes the directory and holds it until it is killed. */
async function holderElsewhere(): Promise<ChildProcess> {
  const module = new URL("data-lock.ts", import.meta.url).href;
  const script = `import { lockDataDir } from ${JSON.stringify(module)};
    lockDataDir(${JSON.stringify(folder)}, "http://127.0.0.1:9999");
    process.stdout.write("held\\n");
    setInterval(() => {}, 60_000);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script, "gatehouse"], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  await once(child.stdout as NonNullable<typeof child.stdout>, "data");
  return child;
}

describe("the lock of the data directory", () => {
  it("is taken, announced and given back; what it holds is for its owner's eyes only", () => {
    const lock = lockDataDir(join(folder, "deeper"), url);
    const own = join(folder, "deeper", "gatehouse.lock");
    expect(statSync(own).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(own, "utf8"))).toMatchObject({ pid: process.pid, url });
    lock.announce("http://127.0.0.1:4321");
    expect(JSON.parse(readFileSync(own, "utf8"))).toEqual({ ...lock.holder, url: "http://127.0.0.1:4321" });
    expect(statSync(own).mode & 0o777).toBe(0o600);
    lock.release();
    expect(existsSync(own)).toBe(false);
  });

  it("refuses a second holder and names the first: process, address and since when", async () => {
    const child = await holderElsewhere();
    const held = () => lockDataDir(folder, url);
    expect(held).toThrow(DataDirectoryHeld);
    expect(held).toThrow(new RegExp(`${folder} is in use by process ${child.pid}, at http://127\\.0\\.0\\.1:9999 since \\d{4}-`));
    expect(holderOf(folder)?.pid).toBe(child.pid);
    expect(readdirSync(folder)).toEqual(["gatehouse.lock"]);
  });

  it("that a dead process has left is taken over", async () => {
    const child = await holderElsewhere();
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(existsSync(file())).toBe(true);
    expect(holderOf(folder)).toBeUndefined();
    const lock = lockDataDir(folder, url);
    expect(JSON.parse(readFileSync(file(), "utf8")).pid).toBe(process.pid);
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each(["", "{", "not JSON at all"])("that is broken (%j) is taken over", (text) => {
    writeFileSync(file(), text);
    expect(holderOf(folder)).toBeUndefined();
    lockDataDir(folder, url).release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("whose number was given to another program since is taken over", () => {
    writeFileSync(file(), JSON.stringify({ pid: 1, url, startedAt: new Date().toISOString(), secret: "s" }));
    expect(holderOf(folder)).toBeUndefined();
    lockDataDir(folder, url).release();
  });
});
