import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { english } from "./texts.ts";

/** The scripts are plain JavaScript, so this test checks what they use of the pages instead of the compiler. */
const scripts = readdirSync(new URL("./assets/", import.meta.url))
  .filter((name) => name.endsWith(".js"))
  .map((name) => ({ name, source: readFileSync(new URL(`./assets/${name}`, import.meta.url), "utf8") }));
const found = (source: string, pattern: RegExp): string[] => [...source.matchAll(pattern)].map(([, name]) => name as string);

test("the scripts use exactly the texts that the pages contain", () => {
  const used = new Set(scripts.flatMap(({ source }) => found(source, /(?<!\/)\bwords\.(\w+)/g)));
  expect([...used].sort()).toEqual(Object.keys(english.browser).sort());
});

test("each import of a script is a file in its folder", () => {
  const names = new Set(scripts.map(({ name }) => name));
  for (const { source } of scripts) for (const imported of found(source, /from "\.\/([^"]+)"/g)) expect(names).toContain(imported);
});
