import { describe, expect, it } from "vitest";
import { registeredMetrics } from "../../scripts/references/metrics.ts";
import { alerts, autoscalingRules, dashboards, expressions, metricsPage, recordingRules, runbook, tested } from "./support/rules.ts";

const registered = new Map(registeredMetrics().map((metric) => [metric.name, metric]));
const recorded = new Set([...recordingRules, ...autoscalingRules].map(({ record }) => record));
const isKnown = (name: string): boolean =>
  registered.has(name) || recorded.has(name) || registered.get(name.replace(/_(?:bucket|sum|count)$/, ""))?.type === "histogram";
const namesIn = (text: string): readonly string[] => text.match(/\b(?:gatehouse|nodejs|process)_[a-z\d_]*[a-z\d]\b/g) ?? [];

describe("every alert, rule and dashboard", () => {
  it("every alert, rule and dashboard reads only registered metrics", () => {
    const unknown = expressions.flatMap(({ where, expr }) =>
      namesIn(expr)
        .filter((name) => !isKnown(name))
        .map((name) => `${where}: ${name}`),
    );
    expect(unknown).toEqual([]);
  });

  it("every alert, rule and dashboard selects only labels of its metrics", () => {
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

describe("every metric of the product", () => {
  it("no metric has a label that a scrape sets, because Prometheus would rename it", () => {
    const ofScrapes = ["job", "instance", "namespace", "pod", "component", "release"];
    const taken = [...registered.values()].flatMap(({ name, labelNames }) =>
      (labelNames ?? []).filter((label) => ofScrapes.includes(label)).map((label) => `${name} has ${label}`),
    );
    expect(taken).toEqual([]);
  });
});

describe("every alert", () => {
  it("every alert has a severity, a sentence and a section in the runbook", () => {
    for (const { alert = "", labels, annotations } of alerts) {
      expect(labels?.["severity"], alert).toMatch(/^(?:warning|critical)$/);
      expect(annotations?.["summary"], alert).toMatch(/\.$/);
      expect(annotations?.["runbook"], alert).toBe(`docs/operations/runbook.md#${alert.toLowerCase()}`);
      expect(runbook, alert).toContain(`\n### ${alert}\n`);
    }
  });

  it("every alert has a test in which it fires and one in which it does not", () => {
    const names = alerts.map(({ alert }) => alert as string).sort();
    const { fires, rests } = tested();
    expect([...fires].sort()).toEqual(names);
    expect([...rests].sort()).toEqual(names);
  });

  it("alert names are unique and the runbook has no section of a removed alert", () => {
    const names = alerts.map(({ alert }) => alert as string);
    expect(new Set(names).size).toBe(names.length);
    expect([...runbook.matchAll(/^### (\w+)$/gm)].map(([, name]) => name).sort()).toEqual([...names].sort());
  });
});

describe("the page of metrics", () => {
  it("the page of metrics names only existing metrics and rules", () => {
    expect(namesIn(metricsPage).filter((name) => !isKnown(name))).toEqual([]);
  });

  it("the page of metrics has a row for each recorded name", () => {
    for (const { record } of [...recordingRules, ...autoscalingRules]) expect(metricsPage, record).toContain(`\`${record}\``);
  });

  it("the page of metrics names every alert", () => {
    for (const { alert } of alerts) expect(metricsPage, alert).toContain(alert as string);
  });
});

describe("every dashboard", () => {
  it("every dashboard has panels with queries to the selected data source", () => {
    expect(dashboards.map(({ title }) => title).sort()).toEqual(
      ["Background", "Business", "Command", "Dependencies", "Query", "Service overview"].map((title) => `Gatehouse: ${title}`),
    );
    for (const { title, panels } of dashboards) {
      expect(panels.filter(({ targets }) => targets !== undefined && targets.length > 0).length, title).toBeGreaterThan(5);
    }
  });
});
