import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { eventually } from "./until.ts";

const isThere = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

it.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)(
  "what a suite has started ends with it when it is ended by %s, with what that has begun, and its folders go",
  async (signal) => {
    const folder = mkdtempSync(join(tmpdir(), "gatehouse-reaper-test-"));
    const suite = join(folder, "suite.ts");
    // The program begins another one, as a database its connections.
    writeFileSync(
      suite,
      `import { removedAtEnd, start } from ${JSON.stringify(join(import.meta.dirname, "child.ts"))};
       removedAtEnd(${JSON.stringify(folder)});
       const program = start("sh", ["-c", "setsid sleep 600 & echo $!; wait"], { stdio: ["ignore", "pipe", "inherit"] });
       const look = setInterval(() => {
         if (program.output() === "") return;
         clearInterval(look);
         console.log(JSON.stringify([program.pid, Number(program.output())]));
       }, 20);
       setInterval(() => {}, 1_000);`,
    );
    const child = spawn(process.execPath, [suite], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = await once(child.stdout, "data");
    const pids = JSON.parse(String(line)) as number[];
    expect(pids.map(isThere)).toEqual([true, true]);
    child.kill(signal);
    await eventually(() => expect([...pids.map(isThere), existsSync(folder)]).toEqual([false, false, false]), { withinMs: 20_000 });
  },
);
