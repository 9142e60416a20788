import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

export interface AdapterQuery {
  /** The metric name that an autoscaler uses: the series' own name, because no rule renames it. */
  readonly metric: string;
  readonly kind: "Pods" | "External";
  readonly seriesQuery: string;
  /** The query for an autoscaler of the namespace "gatehouse". */
  readonly query: string;
}

interface AdapterRule {
  readonly seriesQuery: string;
  readonly resources: { readonly overrides: Readonly<Record<string, { readonly resource: string }>> };
  readonly metricsQuery: string;
}

/** The rules of deploy/kubernetes/metrics-adapter.yaml with their templates expanded like in prometheus-adapter. */
export function adapterQueries(): readonly AdapterQuery[] {
  const file = join(import.meta.dirname, "..", "..", "deploy", "kubernetes", "metrics-adapter.yaml");
  const { rules, externalRules } = parse(readFileSync(file, "utf8")) as Record<"rules" | "externalRules", AdapterRule[]>;
  return [...rules.map(expanded("Pods")), ...externalRules.map(expanded("External"))];
}

const expanded =
  (kind: AdapterQuery["kind"]) =>
  ({ seriesQuery, resources: { overrides }, metricsQuery }: AdapterRule): AdapterQuery => {
    const metric = /^\w+/.exec(seriesQuery)?.[0] ?? "";
    const labelOf = (resource: string): string => Object.entries(overrides).find(([, each]) => each.resource === resource)?.[0] ?? "";
    const namespace = `${labelOf("namespace")}="gatehouse"`;
    const [matchers, groupBy] =
      kind === "Pods" ? [`${namespace},${labelOf("pod")}=~"query-1|query-2"`, labelOf("pod")] : [namespace, labelOf("namespace")];
    const filled: Readonly<Record<string, string>> = { Series: metric, LabelMatchers: matchers, GroupBy: groupBy };
    return { metric, kind, seriesQuery, query: metricsQuery.replaceAll(/<<\.(\w+)>>/g, (_, name) => filled[name] ?? "") };
  };
