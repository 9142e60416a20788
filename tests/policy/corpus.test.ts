import { afterAll, describe, expect, it } from "vitest";
import { compilePolicy, PolicyError } from "../../packages/policy/src/index.ts";
import { loadCorpus } from "./support/corpus.ts";
import { surfaces } from "./support/surfaces.ts";
import type { Answer } from "./support/world.ts";

/** The authorization corpus (packages/policy/corpus): every surface answers every case as expected. */
const files = loadCorpus();

afterAll(async () => {
  for (const surface of surfaces) await surface.close?.();
});

describe.each(files)("corpus $name", (file) => {
  describe.each(surfaces)("$name", (surface) => {
    const ask = surface.open(file);
    for (const question of file.cases) {
      const isKnownIssue = Object.keys(question.known).some((name) => surface.name.startsWith(name));
      const skipped = surface.skips?.(question, file);
      const test = skipped ? it.skip : isKnownIssue ? it.fails : it;
      test(skipped ? `${question.name} (skipped: ${skipped})` : question.name, async () => {
        const answer = await ask(question);
        expect(answer).toEqual(partOf(surface.says?.(question.expect) ?? question.expect, answer));
      });
    }
  });

  it.each(file.refused)("the compiler refuses a model: $name", ({ model, field }) => {
    const refused = (): unknown => compilePolicy(file.permissions, model);
    expect(refused).toThrow(PolicyError);
    expect(refused).toThrow(expect.objectContaining({ code: "invalid_definition", issues: [expect.objectContaining({ field })] }));
  });
});

/** The expected fields that the surface returns and the case specifies. */
function partOf(expected: Partial<Answer>, answer: Partial<Answer>): Record<string, unknown> {
  const known = Object.entries(expected).map(([key, value]) => [key, value ?? (answer as Record<string, unknown>)[key]]);
  return Object.fromEntries(known.filter(([key]) => Object.hasOwn(answer, key as string)));
}
