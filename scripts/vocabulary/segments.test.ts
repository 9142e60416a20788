import { expect, it } from "vitest";
import { segmentsOf } from "./segments.ts";

/** What begins a substitution in a template. */
const open = "$".concat("{");

const kinds = (source: string) => segmentsOf(source).map(({ kind, text }) => [kind, text]);

it("tells code from comments and texts", () => {
  expect(kinds('const a = "b"; // c\nd(); /* e */ f')).toEqual([
    ["code", "const a = "],
    ["text", '"b"'],
    ["code", "; "],
    ["comment", "// c"],
    ["code", "\nd(); "],
    ["comment", "/* e */"],
    ["code", " f"],
  ]);
});

it("takes what stands inside a template's substitution as code, templates and braces included", () => {
  expect(kinds(`\`a ${open}b({ c: \`d ${open}e}\` })} f\`;`)).toEqual([
    ["text", `\`a ${open}`],
    ["code", "b({ c: "],
    ["text", `\`d ${open}`],
    ["code", "e"],
    ["text", "}`"],
    ["code", " })"],
    ["text", "} f`"],
    ["code", ";"],
  ]);
});

it("finds no text in a regular expression, and no regular expression in a division", () => {
  expect(kinds("const a = /[\"'/]/g; b = c / d / e;")).toEqual([
    ["code", "const a = "],
    ["text", "/[\"'/]/"],
    ["code", "g; b = c / d / e;"],
  ]);
});

it("counts lines, and loses nothing", () => {
  const source = "/**\n * a\n */\nconst b = `c\n".concat(open, 'd}\ne`;\nconst f = "\\"g";\n');
  const segments = segmentsOf(source);
  expect(segments.map(({ text }) => text).join("")).toBe(source);
  expect(segments.find(({ text }) => text.includes("\\"))?.line).toBe(7);
});
