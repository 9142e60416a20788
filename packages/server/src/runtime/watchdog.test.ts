import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, describe, expect, inject, it, vi } from "vitest";

// Each test starts programs, which is slow on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

const from = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);

/** A process under the watchdog that prints "watched" and then runs `work`. */
function underWatchdog(work: string, { setUp = "", hungMs = 60_000, isOverdue = "() => false" } = {}) {
  const script = `
    import { watchMainThread } from ${from("watchdog.ts")};
    process.on("SIGTERM", () => { process.stdout.write("in order"); process.exit(0); });
    ${setUp}
    watchMainThread(["SIGTERM", "SIGINT"], ${isOverdue}, (error) => { throw error; }, { beatMs: 20, stalledMs: 400, hungMs: ${hungMs} });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    setInterval(() => {}, 1_000);
    process.stdout.write("watched ");
    ${work}`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], { stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      said += chunk;
    });
  }
  return { child, ended: once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>, said: () => said };
}

const says = (text: string, { said }: ReturnType<typeof underWatchdog>) =>
  expect.poll(said, { timeout: 60_000, interval: 20 }).toContain(text);

describe("a process whose main thread hangs", () => {
  // Opened before, because opening stalls the main thread.
  const setUp = `
    const { readFileSync } = await import("node:fs");
    const { EmbeddedPostgres } = await import(${from("../platform/database/embedded-postgres.ts")});
    const image = new Blob([readFileSync(${JSON.stringify(inject("databaseImage"))})]);
    const db = new EmbeddedPostgres({ dataDir: "memory://", loadDataDir: image });
    await db.waitReady;`;
  it.each([
    ["in the embedded database", { setUp }, 'await db.exec("do $$ begin loop null; end loop; end $$");'],
    ["in JavaScript", {}, "for (;;) {}"],
  ])("ends at a signal: %s", async (_where, options, work) => {
    const one = underWatchdog(work, options);
    await says("The main thread has stalled for 0.4 s", one);
    one.child.kill("SIGTERM");
    expect(await one.ended).toEqual([null, "SIGTERM"]);
    expect(one.said()).not.toContain("in order");
  });

  it("is killed after a while without a signal, and reports it", async () => {
    const one = underWatchdog("for (;;) {}", { hungMs: 2_000 });
    expect(await one.ended).toEqual([null, "SIGKILL"]);
    expect(one.said()).toContain("The main thread has stalled for 2 s. The process is ended");
  });

  it("is killed where it stalls at a stop whose grace time has passed", async () => {
    const one = underWatchdog("for (;;) {}", { isOverdue: "() => true" });
    expect(await one.ended).toEqual([null, "SIGKILL"]);
  });
});

it("a process whose stall has ended stops gracefully again", async () => {
  const one = underWatchdog(`for (const end = Date.now() + 1_500; Date.now() < end; ) {}
    setTimeout(() => process.stdout.write("back "), 200);`);
  await says("The main thread has stalled", one);
  await says("back", one);
  one.child.kill("SIGTERM");
  expect(await one.ended).toEqual([0, null]);
  expect(one.said()).toContain("in order");
});

it("a process that runs is not affected", async () => {
  const one = underWatchdog('setTimeout(() => process.stdout.write("later "), 7_000);', { hungMs: 5_000 });
  await says("later", one);
  one.child.kill("SIGTERM");
  expect(await one.ended).toEqual([0, null]);
});
