import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A query of a dashboard with its panel. */
export interface Panel {
  readonly dashboard: string;
  readonly title: string;
  readonly legend: string;
  readonly expr: string;
}

export interface Answer {
  /** Finite values only: a share of zero is not a number, and a graph does not show it. */
  readonly values: number;
  /** The reason of a refusal. */
  readonly error?: string;
}

export interface RuleState {
  readonly name: string;
  readonly query: string;
  readonly health: "ok" | "err" | "unknown";
  readonly state?: string;
  readonly lastError?: string;
}

/** Grafana's choice with a scrape interval of 15 s: four times that. */
const rateInterval = "1m";
const answerMsMax = 30_000;

/** Every query of the shipped dashboards, with a duration for Grafana's variable. */
export function panels(): readonly Panel[] {
  const folder = join(import.meta.dirname, "..", "dashboards");
  return globSync("*.json", { cwd: folder })
    .toSorted()
    .flatMap((file) => {
      const { title: dashboard, panels } = JSON.parse(readFileSync(join(folder, file), "utf8")) as Shipped;
      return panels.flatMap(({ title, targets = [] }) =>
        targets.map(({ expr, legendFormat }) => ({
          dashboard,
          title,
          legend: legendFormat,
          expr: expr.replaceAll("$__rate_interval", rateInterval),
        })),
      );
    });
}

/** A client of Prometheus' HTTP API. */
export class Prometheus {
  readonly #address: string;
  constructor(address: string) {
    this.#address = address;
  }

  async ask(query: string): Promise<Answer> {
    const { status, error = "", data } = await this.#get<{ result: readonly { value: readonly [number, string] }[] }>("query", { query });
    if (status !== "success") return { values: 0, error };
    return { values: data.result.filter(({ value }) => Number.isFinite(Number(value[1]))).length };
  }

  async rules(): Promise<readonly RuleState[]> {
    const { data } = await this.#get<{ groups: readonly { rules: readonly RuleState[] }[] }>("rules");
    return data.groups.flatMap(({ rules }) => rules);
  }

  async names(): Promise<ReadonlySet<string>> {
    return new Set((await this.#get<readonly string[]>("label/__name__/values")).data);
  }

  async targets(): Promise<readonly { readonly url: string; readonly health: string; readonly lastError: string }[]> {
    const { data } = await this.#get<{ activeTargets: readonly { scrapeUrl: string; health: string; lastError: string }[] }>("targets", {
      state: "active",
    });
    return data.activeTargets.map(({ scrapeUrl: url, health, lastError }) => ({ url, health, lastError }));
  }

  async #get<Data>(path: string, parameters: Readonly<Record<string, string>> = {}) {
    const url = new URL(`/api/v1/${path}`, this.#address);
    url.search = new URLSearchParams(parameters).toString();
    const response = await fetch(url, { signal: AbortSignal.timeout(answerMsMax) });
    return (await response.json()) as { readonly status: string; readonly error?: string; readonly data: Data };
  }
}

interface Shipped {
  readonly title: string;
  readonly panels: readonly {
    readonly title: string;
    readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
  }[];
}
