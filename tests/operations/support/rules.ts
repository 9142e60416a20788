import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { adapterQueries } from "../../../scripts/references/adapter-queries.ts";

const root = join(import.meta.dirname, "..", "..", "..");
export const prometheusFolder = join(root, "deploy", "prometheus");
const read = (file: string): string => readFileSync(join(root, file), "utf8");

export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

const rulesIn = (pattern: string): readonly Rule[] =>
  globSync(pattern, { cwd: root }).flatMap((file) =>
    (parse(read(file)) as { groups: { rules: Rule[] }[] }).groups.flatMap(({ rules }) => rules),
  );

const inAlertFiles = rulesIn("deploy/prometheus/alerts/*.yml");
export const alerts = inAlertFiles.filter(({ alert }) => alert !== undefined);
export const recordingRules = rulesIn("deploy/prometheus/recording-rules.yml");
/** The recording rules of the autoscalers. */
export const autoscalingRules = rulesIn("deploy/prometheus/autoscaling-rules.yml");

/** The alerts that unit tests name: those that must fire, and those that must not. */
export const tested = (): { readonly fires: ReadonlySet<string>; readonly rests: ReadonlySet<string> } => {
  const fires = new Set<string>();
  const rests = new Set<string>();
  for (const file of globSync("deploy/prometheus/tests/*.yml", { cwd: root })) {
    const { tests } = parse(read(file)) as {
      tests: { alert_rule_test?: { alertname: string; exp_alerts: unknown[] }[] }[];
    };
    for (const { alertname, exp_alerts } of tests.flatMap((test) => test.alert_rule_test ?? [])) {
      (exp_alerts.length > 0 ? fires : rests).add(alertname);
    }
  }
  return { fires, rests };
};

export interface Expression {
  readonly where: string;
  readonly expr: string;
}

interface Dashboard {
  readonly title: string;
  readonly schemaVersion: number;
  readonly panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[];
}

export const dashboards: readonly Dashboard[] = globSync("deploy/grafana/dashboards/*.json", { cwd: root }).map(
  (file) => JSON.parse(read(file)) as Dashboard,
);

/** Every expression that Prometheus evaluates, with Grafana's interval variable replaced by a duration. */
export const expressions: readonly Expression[] = [
  ...[...inAlertFiles, ...recordingRules, ...autoscalingRules].map(({ alert, record, expr }) => ({
    where: (alert ?? record) as string,
    expr,
  })),
  ...adapterQueries().map(({ metric, query }) => ({ where: `the adapter's ${metric}`, expr: query })),
  ...dashboards.flatMap(({ title, panels }) =>
    panels.flatMap((panel) =>
      (panel.targets ?? []).map(({ expr }) => ({
        where: `${title}, ${panel.title}`,
        expr: expr.replaceAll("$__rate_interval", "1m"),
      })),
    ),
  ),
];

export const runbook = read("docs/operations/runbook.md");
export const metricsPage = read("docs/operations/metrics.md");
