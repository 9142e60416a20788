import { describe, expect, it } from "vitest";
import { registeredMetrics } from "../../scripts/references/metrics.ts";
import { alerts, autoscalingRules, dashboards, expressions, metricsPage, recordingRules, runbook, tested } from "./support/rules.ts";

const registered = new Map(registeredMetrics().map((metric) => [metric.name, metric]));
const recorded = new Set([...recordingRules, ...autoscalingRules].map(({ record }) => record));
const isKnown = (name: string): boolean =>
  registered.has(name) || recorded.has(name) || registered.get(name.replace(/_(?:bucket|sum|count)$/, ""))?.type === "histogram";
const namesIn = (text: string): readonly string[] => text.match(/\b(?:gatehouse|nodejs|process)_[a-z\d_]*[a-z\d]\b/g) ?? [];

describe("every alert, rule and dashboard", () => {
  it("asks for metrics that the product registers", () => {
    const unknown = expressions.flatMap(({ where, expr }) =>
      namesIn(expr)
        .filter((name) => !isKnown(name))
        .map((name) => `${where}: ${name}`),
    );
    expect(unknown).toEqual([]);
  });

  it("asks for labels that their metrics have", () => {
    const wrong = expressions.flatMap(({ where, expr }) =>
      [...expr.matchAll(/\b(gatehouse_\w+)\{([^}]*)\}/g)].flatMap(([, name = "", selector = ""]) => {
        const metric = registered.get(name) ?? registered.get(name.replace(/_(?:bucket|sum|count)$/, ""));
        const labels = [...selector.replaceAll(/"[^"]*"/g, "").matchAll(/(\w+)\s*[!=~]+/g)].map(([, label]) => label as string);
        return labels
          .filter((label) => metric !== undefined && label !== "le" && !metric.labelNames.includes(label))
          .map((label) => `${where}: ${name} has no ${label}`);
      }),
    );
    expect(wrong).toEqual([]);
  });
});

describe("every metric of ours", () => {
  it("leaves the labels alone that a scrape sets: a metric's own one of that name would be renamed", () => {
    const ofScrapes = ["job", "instance", "namespace", "pod", "component", "release"];
    const taken = [...registered.values()].flatMap(({ name, labelNames }) =>
      (labelNames ?? []).filter((label) => ofScrapes.includes(label)).map((label) => `${name} has ${label}`),
    );
    expect(taken).toEqual([]);
  });
});

describe("every alert", () => {
  it("has a severity, a sentence, and its section in the runbook", () => {
    for (const { alert = "", labels, annotations } of alerts) {
      expect(labels?.["severity"], alert).toMatch(/^(?:warning|critical)$/);
      expect(annotations?.["summary"], alert).toMatch(/\.$/);
      expect(annotations?.["runbook"], alert).toBe(`docs/operations/runbook.md#${alert.toLowerCase()}`);
      expect(runbook, alert).toContain(`\n### ${alert}\n`);
    }
  });

  it("is shown to fire on what it is for, and to rest where all is well", () => {
    const names = alerts.map(({ alert }) => alert as string).sort();
    const { fires, rests } = tested();
    expect([...fires].sort()).toEqual(names);
    expect([...rests].sort()).toEqual(names);
  });

  it("is the only one of its name, and the runbook has no section of one that is gone", () => {
    const names = alerts.map(({ alert }) => alert as string);
    expect(new Set(names).size).toBe(names.length);
    expect([...runbook.matchAll(/^### (\w+)$/gm)].map(([, name]) => name).sort()).toEqual([...names].sort());
  });
});

describe("the page of metrics", () => {
  it("names only metrics and rules that there are", () => {
    expect(namesIn(metricsPage).filter((name) => !isKnown(name))).toEqual([]);
  });

  it("has a row for each recorded name, of the sources and of the autoscalers", () => {
    for (const { record } of [...recordingRules, ...autoscalingRules]) expect(metricsPage, record).toContain(`\`${record}\``);
  });

  it("names every alert", () => {
    for (const { alert } of alerts) expect(metricsPage, alert).toContain(alert as string);
  });
});

describe("every dashboard", () => {
  it("has panels, each with something to show, and asks the data source that is chosen", () => {
    expect(dashboards.map(({ title }) => title).sort()).toEqual(
      ["Background", "Business", "Command", "Dependencies", "Query", "Service overview"].map((title) => `Gatehouse: ${title}`),
    );
    for (const { title, panels } of dashboards) {
      expect(panels.filter(({ targets }) => targets !== undefined && targets.length > 0).length, title).toBeGreaterThan(5);
    }
  });
});
