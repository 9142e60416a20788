import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningServer, root, run, startServer } from "./process.ts";

interface Snippet {
  readonly language: string;
  readonly text: string;
}

const snippets = (path: string): readonly Snippet[] =>
  [...readFileSync(join(root, path), "utf8").matchAll(/```(\w+)\n([\s\S]*?)```/g)].map(([, language, text]) => ({
    language: language as string,
    text: text as string,
  }));

const mark = "=== snippet";
const hasShell = (await run("bash", ["-c", "command -v curl"])).code === 0;

describe.skipIf(!hasShell)("docs/guides/authorization.md (skipped where bash or curl is missing)", () => {
  const guide = snippets("docs/guides/authorization.md");
  const dataDir = mkdtempSync(join(tmpdir(), "gatehouse-guide-"));
  const script = join(root, "packages/server", `guide-${process.pid}.ts`);
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer(dataDir);
  });
  afterAll(async () => {
    await server.end("SIGTERM");
    rmSync(dataDir, { recursive: true, force: true });
    rmSync(script, { force: true });
  });

  it("every command of the guide prints what the guide shows", async () => {
    const runnable = guide.flatMap((snippet, index) => {
      if (snippet.language === "text") return [];
      const next = guide[index + 1];
      return [{ ...snippet, says: next?.language === "text" ? next.text : undefined }];
    });
    const source = runnable.map(({ language, text }, index) => {
      const commands = language === "bash" ? text : `node ${script}\n`;
      if (language === "ts") writeFileSync(script, text);
      return `echo "${mark} ${index}"\n${commands}`;
    });
    const environment = { SERVER: server.url, GATEHOUSE_DATA_DIR: dataDir, PORT: new URL(server.url).port };
    const { code, output } = await run("bash", ["-euo", "pipefail", "-c", source.join("")], environment);
    expect(code, output).toBe(0);
    const printed = output.split(new RegExp(`${mark} \\d+\\n`)).slice(1);
    expect(printed).toHaveLength(runnable.length);
    for (const [index, { says, text }] of runnable.entries()) {
      if (says !== undefined) expect(printed[index], text).toBe(says);
    }
    expect(runnable.filter(({ says }) => says !== undefined).length).toBeGreaterThanOrEqual(9);
    // Some sixty commands, each of which starts processes.
  }, 180_000);
});
