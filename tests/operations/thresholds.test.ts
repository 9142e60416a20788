import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { servicesAsked } from "@gatehouse/testing/services.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { alerts, prometheusFolder, type Rule } from "./support/rules.ts";

interface Case {
  readonly alert_rule_test?: readonly { readonly alertname: string }[];
}

const promtool = servicesAsked && spawnSync("promtool", ["--version"]).status === 0;
const read = (file: string) => parse(readFileSync(join(prometheusFolder, file), "utf8"));
/** Cases of an alert file are in the test file of its name, and those that last a day in another. */
const files = globSync("alerts/*.yml", { cwd: prometheusFolder }).map((file) => {
  const [{ name, rules }] = read(file).groups as [{ name: string; rules: Rule[] }];
  const tests = [file.replace("alerts", "tests"), "tests/day.yml"].map(read) as { evaluation_interval: string; tests: Case[] }[];
  return { name, rules, tests };
});
const every = files.flatMap(({ name, rules, tests }) =>
  rules.flatMap((rule) => {
    const own = tests
      .map((each) => ({ ...each, tests: each.tests.filter((one) => isOf(one, rule)) }))
      .find((each) => each.tests.length > 0);
    return rule.alert !== undefined && own !== undefined ? [{ name, rules, rule, own }] : [];
  }),
);
function isOf({ alert_rule_test = [] }: Case, { alert }: Rule): boolean {
  return alert_rule_test.some(({ alertname }) => alertname === alert);
}

describe.skipIf(!promtool)(
  "the unit tests of every alert (skipped where promtool is not installed; npm run test:services runs them)",
  () => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), "gatehouse-thresholds-"));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    /** Whether the cases of an alert pass with `changed` instead of its rule. */
    function pass({ name, rules, own, rule }: (typeof every)[number], changed: Rule): boolean {
      const needed = rules.filter((each) => each.record !== undefined);
      writeFileSync(join(folder, "rules.yml"), stringify({ groups: [{ name, rules: [...needed, changed] }] }));
      writeFileSync(join(folder, "tests.yml"), stringify({ ...own, rule_files: ["rules.yml"] }, { lineWidth: 0 }));
      const { status, stdout, stderr } = spawnSync("promtool", ["test", "rules", "tests.yml"], { cwd: folder, encoding: "utf8" });
      // A rule that promtool cannot parse fails its cases for another reason.
      if (`${stdout}${stderr}`.includes("could not parse")) throw new Error(`${rule.alert}: ${stdout}${stderr}`);
      return status === 0;
    }

    it("every alert has thresholds", () => {
      expect(every.map(({ rule }) => rule.alert).sort()).toEqual(alerts.map(({ alert }) => alert).sort());
    });

    it.each(every.map((each) => [each.rule.alert as string, each] as const))(
      "the cases of %s pass, and fail when one of its numbers is changed",
      {
        timeout: 180_000,
      },
      (_alert, each) => {
        expect(pass(each, each.rule)).toBe(true);
        const unseen = [...changedNumbers(each.rule), ...changedTimes(each.rule, each.own.evaluation_interval)].filter((changed) =>
          pass(each, changed),
        );
        expect(unseen.map(({ expr, for: time }) => `${expr} for ${time}`)).toEqual([]);
      },
    );
  },
);

/** The expression with every threshold and factor raised and lowered by a fifth; 0 and 1 are swapped. */
function changedNumbers(rule: Rule): readonly Rule[] {
  const numbers = [...rule.expr.matchAll(/(?:[<>]=?|==) (?:bool )?(\d+(?:\.\d+)?)|(?<![\w.])([1-9]\d*) (?=\*)/g)];
  return numbers.flatMap((found) => {
    const text = (found[1] ?? found[2]) as string;
    const at = found.index + found[0].indexOf(text);
    return others(Number(text)).map((value) => ({
      ...rule,
      expr: `${rule.expr.slice(0, at)}${value}${rule.expr.slice(at + text.length)}`,
    }));
  });
}

function others(value: number): readonly number[] {
  if (value === 0 || value === 1) return [1 - value];
  return Number.isInteger(value) ? [Math.ceil(value * 1.2), Math.floor(value * 0.8)] : [value * 1.2, value * 0.8];
}

/** The duration, one evaluation longer and shorter. */
function changedTimes(rule: Rule, interval: string): readonly Rule[] {
  const step = seconds(interval);
  const times = [seconds(rule.for ?? "0s") + step, seconds(rule.for ?? "0s") - step];
  return times.filter((each) => each >= 0).map((each) => ({ ...rule, for: `${each}s` }));
}

function seconds(duration: string): number {
  return Number.parseInt(duration, 10) * (duration.endsWith("m") ? 60 : 1);
}
