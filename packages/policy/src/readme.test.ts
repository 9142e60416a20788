import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

it("the README's program runs, and prints a decision, a filter and an explanation", () => {
  const text = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const program = /```ts\n([\s\S]*?)```/.exec(text)?.[1] ?? "";
  const file = fileURLToPath(new URL(`../readme-${process.pid}.ts`, import.meta.url));
  writeFileSync(file, program);
  try {
    const output = execFileSync("node", [file], { encoding: "utf8", cwd: fileURLToPath(new URL("..", import.meta.url)) });
    expect(output).toContain("reason: 'condition'");
    expect(output).toContain(`"class_id"::text = $1::text`);
    expect(output).toContain("kind: 'add_relationship'");
  } finally {
    rmSync(file, { force: true });
  }
});
