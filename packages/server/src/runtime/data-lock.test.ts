import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
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

const ours = ["gatehouse.lock", "gatehouse.lock.os"];
/** Short, so that a holder on another kernel is soon treated as dead. */
const times = { beatMs: 50, observeMs: 400 };

const script = () => `import { lockDataDir } from ${JSON.stringify(new URL("data-lock.ts", import.meta.url).href)};
    try {
      lockDataDir(${JSON.stringify(folder)}, "http://127.0.0.1:9999", { beatMs: 50, observeMs: 400 });
      process.stdout.write("held");
      setInterval(() => {}, 60_000);
    } catch (error) {
      process.stdout.write(error.name);
    }`;

/** Another process that locks the directory until it is killed. `prefix` are programs that start it. */
function begin(...prefix: string[]): { readonly child: ChildProcess; readonly said: Promise<string> } {
  const [program = process.execPath, ...args] = [...prefix, process.execPath, "--input-type=module", "--eval", script()];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  return { child, said: once(child.stdout as NonNullable<typeof child.stdout>, "data").then(([text]) => String(text)) };
}

async function holderElsewhere(...prefix: string[]): Promise<ChildProcess> {
  const { child, said } = begin(...prefix);
  expect(await said).toBe("held");
  return child;
}

const changeHolder = (change: object) => writeFileSync(file(), JSON.stringify({ ...JSON.parse(readFileSync(file(), "utf8")), ...change }));

describe("the lock of the data directory", () => {
  it("is taken, announced and released; only its owner can read it", () => {
    const lock = lockDataDir(join(folder, "deeper"), url);
    const own = join(folder, "deeper", "gatehouse.lock");
    expect(statSync(own).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(own, "utf8"))).toMatchObject({ pid: process.pid, url });
    lock.announce("http://127.0.0.1:4321");
    expect(JSON.parse(readFileSync(own, "utf8"))).toEqual({ ...lock.holder, url: "http://127.0.0.1:4321" });
    expect(statSync(own).mode & 0o777).toBe(0o600);
    lock.release();
    expect(existsSync(own)).toBe(false);
    expect(statSync(join(folder, "deeper", "gatehouse.lock.os"))).toMatchObject({ size: 0 });
    expect(statSync(join(folder, "deeper", "gatehouse.lock.os")).mode & 0o777).toBe(0o600);
  });

  it("refuses a second holder and names the first: process, address and start time", async () => {
    const child = await holderElsewhere();
    const held = () => lockDataDir(folder, url);
    expect(held).toThrow(DataDirectoryHeld);
    const named = `${folder} is in use by process ${child.pid} on ${hostname()}, at http://127\\.0\\.0\\.1:9999 since \\d{4}-`;
    expect(held).toThrow(new RegExp(named));
    expect(holderOf(folder)?.pid).toBe(child.pid);
    expect(readdirSync(folder).sort()).toEqual(ours);
  });

  it("relies on the operating system and not on a process id: a holder in another namespace counts", async () => {
    await holderElsewhere();
    // A container's process has an id of another namespace.
    changeHolder({ pid: 2 ** 22 + 1 });
    expect(() => lockDataDir(folder, url)).toThrow(DataDirectoryHeld);
    expect(holderOf(folder)?.url).toBe("http://127.0.0.1:9999");
  });

  const isolates = process.platform === "linux" && process.getuid?.() === 0;
  it.skipIf(!isolates)("is exclusive between PID namespaces; creating one needs root on Linux", async () => {
    await holderElsewhere("unshare", "--pid", "--fork", "--kill-child", "--mount-proc");
    expect(() => lockDataDir(folder, url)).toThrow(DataDirectoryHeld);
    const other = begin("unshare", "--pid", "--fork", "--kill-child", "--mount-proc");
    expect(await other.said).toBe("DataDirectoryHeld");
  });

  it.each(["", "{", "\0\0{", "null", '{"pid":1}'])("is exclusive whatever its description says (%j)", async (text) => {
    await holderElsewhere();
    writeFileSync(file(), text);
    expect(() => lockDataDir(folder, url)).toThrow(/is in use by an unknown process/);
  });

  it("is given to one of several concurrent starts", async () => {
    const starts = Array.from({ length: 6 }, () => begin());
    const said = await Promise.all(starts.map((start) => start.said));
    expect(said.sort()).toEqual([...Array(5).fill("DataDirectoryHeld"), "held"]);
  });

  it("is exclusive within its own process, too", () => {
    const lock = lockDataDir(folder, url);
    expect(() => lockDataDir(folder, url)).toThrow(DataDirectoryHeld);
    expect(holderOf(folder)?.secret).toBe(lock.holder.secret);
    // The check has not released it.
    expect(() => lockDataDir(folder, url)).toThrow(DataDirectoryHeld);
    lock.release();
    lockDataDir(folder, url).release();
  });

  it("is not copied with its directory", async () => {
    await holderElsewhere();
    const copy = `${folder}-copy`;
    cpSync(folder, copy, { recursive: true });
    lockDataDir(copy, url).release();
    rmSync(copy, { recursive: true });
  });

  it("of a dead process is taken over", async () => {
    const child = await holderElsewhere();
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(existsSync(file())).toBe(true);
    expect(holderOf(folder)).toBeUndefined();
    const lock = lockDataDir(folder, url);
    expect(JSON.parse(readFileSync(file(), "utf8")).pid).toBe(process.pid);
    lock.release();
    expect(readdirSync(folder)).toEqual(["gatehouse.lock.os"]);
  });

  it.each(["", "{", "not JSON at all"])("with a broken description (%j) is taken over", (text) => {
    writeFileSync(file(), text);
    expect(holderOf(folder)).toBeUndefined();
    lockDataDir(folder, url).release();
    expect(readdirSync(folder)).toEqual(["gatehouse.lock.os"]);
  });

  it("that cannot be taken is refused with a message", () => {
    const refused = (dataDir: string) => {
      try {
        lockDataDir(dataDir, url);
      } catch (error) {
        return error;
      }
      return undefined;
    };
    writeFileSync(join(folder, "a file"), "");
    expect(refused(join(folder, "a file", "data"))).toMatchObject({
      name: "StartRefused",
      exitCode: 78,
      message: /GATEHOUSE_DATA_DIR .* cannot be made/,
    });
    expect(refused("/proc/self")).toMatchObject({
      name: "StartRefused",
      exitCode: 78,
      message: /cannot be written.*docs\/operations\/backup\.md/,
    });
  });
});

/** Two machines share a network file system whose locks hold only within each machine. */
describe("the lock of a data directory with a holder on another kernel", () => {
  const elsewhere = { pid: 7, host: "other", kernel: "another boot", url: "http://10.0.0.2:8080", startedAt: "2026-01-01", secret: "s" };
  /** A machine that writes heartbeats like a holder. */
  const beats = () => setInterval(() => utimesSync(file(), new Date(), new Date()), times.beatMs);

  it("is respected as long as the holder writes heartbeats", async () => {
    writeFileSync(file(), JSON.stringify(elsewhere));
    const { said } = begin();
    const beating = beats();
    expect(await said).toBe("DataDirectoryHeld");
    clearInterval(beating);
    expect(JSON.parse(readFileSync(file(), "utf8"))).toEqual(elsewhere);
  });

  it("is taken over when the holder has missed enough heartbeats", () => {
    writeFileSync(file(), JSON.stringify(elsewhere));
    expect(holderOf(folder, times)).toBeUndefined();
    const lock = lockDataDir(folder, url, times);
    expect(JSON.parse(readFileSync(file(), "utf8")).pid).toBe(process.pid);
    lock.release();
  });

  it("is lost to a holder that was treated as dead, and that holder does not release it", async () => {
    const lock = lockDataDir(folder, url, times);
    writeFileSync(file(), JSON.stringify(elsewhere));
    await lock.lost;
    lock.release();
    expect(JSON.parse(readFileSync(file(), "utf8"))).toEqual(elsewhere);
  });
});
