import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { HttpRequest } from "./http.ts";
import type { LoadGenerator, LoadOrder, LoadResult } from "./load.ts";
import { cpuSeconds } from "./process-table.ts";

const marker = "BENCH ";

export async function wrkGenerator(): Promise<LoadGenerator | undefined> {
  const { error, stdout } = spawnSync("wrk", ["-v"], { encoding: "utf8" });
  if (error) return undefined;
  const version = /wrk (?:debian\/)?(\S+)/.exec(stdout)?.[1] ?? "of unknown version";
  return { name: "wrk", version, run };
}

async function run(order: LoadOrder): Promise<LoadResult> {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-wrk-"));
  const script = join(folder, "load.lua");
  writeFileSync(script, luaScript(order.requests));
  // One thread: it serves far more connections than one Node process can answer, and leaves the cores to the server.
  const args = ["-t1", `-c${order.connections}`, `-d${order.seconds}s`, "--timeout", "10s", "-s", script, order.url];
  const wrk = spawn("wrk", args, { stdio: ["ignore", "pipe", "pipe"] });
  // Also when the bench is interrupted, so that no load continues.
  const end = () => {
    wrk.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", end);
  try {
    return await resultOf(wrk, order.seconds);
  } finally {
    process.off("exit", end);
    end();
  }
}

async function resultOf(wrk: ChildProcessByStdio<null, Readable, Readable>, seconds: number): Promise<LoadResult> {
  const startedAt = performance.now();
  let generatorCpu: number | null = null;
  // Read shortly before the end, because a process that has ended has no entry any more.
  const sample = setTimeout(
    () => {
      const used = wrk.pid === undefined ? null : cpuSeconds(wrk.pid);
      generatorCpu = used === null ? null : used / ((performance.now() - startedAt) / 1000);
    },
    seconds * 1000 - 200,
  );
  // It ends by itself; this ends one that hangs.
  const overdue = setTimeout(() => wrk.kill("SIGKILL"), (seconds + 30) * 1000);
  try {
    const [stdout, stderr] = await Promise.all([text(wrk.stdout), text(wrk.stderr)]);
    const line = stdout.split("\n").find((one) => one.startsWith(marker));
    if (line === undefined) throw new Error(`wrk gave no result: ${stderr} ${stdout}`);
    return { ...(JSON.parse(line.slice(marker.length)) as Omit<LoadResult, "generatorCpu">), generatorCpu };
  } finally {
    clearTimeout(sample);
    clearTimeout(overdue);
  }
}

/**
 * `init` builds the requests once; `request` only returns the next one. There is no `response` function:
 * with one, wrk parses every answer in Lua and becomes the bottleneck. Answers are checked by the probe instead.
 */
function luaScript(requests: HttpRequest[]): string {
  const list = requests.map((request) => {
    const headers = Object.entries(request.headers).map(([name, value]) => `[${lua(name)}] = ${lua(value)}`);
    const body = request.body === undefined ? "nil" : lua(request.body);
    return `    wrk.format(${lua(request.method)}, ${lua(request.path)}, { ${headers.join(", ")} }, ${body})`;
  });
  return `
local requests, count, last = {}, ${requests.length}, 0
function init()
  requests = {
${list.join(",\n")}
  }
end
function request()
  last = last % count + 1
  return requests[last]
end
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\\n${marker}{"requests":%d,"seconds":%.6f,"bytes":%d,"badStatus":%d,"socketErrors":%d,' ..
    '"latencyMs":{"p50":%.3f,"p95":%.3f,"p99":%.3f}}\\n',
    summary.requests, summary.duration / 1e6, summary.bytes, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000))
end
`;
}

/** A Lua string of a value without line breaks; JSON and header values have none. */
function lua(text: string): string {
  if (/[\r\n]/.test(text)) throw new Error("a request of the bench must not contain a line break");
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
