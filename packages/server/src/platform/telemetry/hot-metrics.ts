import type { Registry } from "prom-client";
import type { Activity } from "./activity.ts";

/**
 * Metrics of events that occur tens of thousands of times per second: numbers in arrays, converted to Prometheus' form when they
 * are collected. prom-client hashes the labels at each observation, which costs more than a whole decision.
 */

/** A histogram over two labels. The first may represent several (`labelsOf`), such as a method and a route. */
export class HotHistogram {
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, Map<string, Series>>();

  constructor(registry: Registry, about: About, bounds: readonly number[]) {
    this.#bounds = bounds;
    register(registry, about, "histogram", () => this.#values(about));
  }

  /** Shows the series with a count of 0 before its first observation. */
  begin(first: string, second: string): void {
    this.#seriesOf(first, second);
  }

  observe(first: string, second: string, value: number): void {
    const series = this.#seriesOf(first, second);
    series.sum += value;
    series.count += 1;
    for (let index = 0; index < this.#bounds.length; index += 1) {
      if (value <= (this.#bounds[index] as number)) {
        series.buckets[index] = (series.buckets[index] as number) + 1;
        return;
      }
    }
  }

  #seriesOf(first: string, second: string): Series {
    let bySecond = this.#series.get(first);
    if (bySecond === undefined) {
      bySecond = new Map();
      this.#series.set(first, bySecond);
    }
    let series = bySecond.get(second);
    if (series === undefined) {
      series = { buckets: this.#bounds.map(() => 0), sum: 0, count: 0 };
      bySecond.set(second, series);
    }
    return series;
  }

  #values({ name, labels, labelsOf }: About): Value[] {
    const values: Value[] = [];
    for (const [first, bySecond] of this.#series) {
      for (const [second, { buckets, sum, count }] of bySecond) {
        const own = { ...(labelsOf?.(first) ?? { [labels[0]]: first }), [labels[1]]: second };
        let below = 0;
        for (const [index, bound] of this.#bounds.entries()) {
          below += buckets[index] as number;
          values.push({ metricName: `${name}_bucket`, labels: { ...own, le: bound }, value: below });
        }
        values.push({ metricName: `${name}_bucket`, labels: { ...own, le: "+Inf" }, value: count });
        values.push({ metricName: `${name}_sum`, labels: own, value: sum });
        values.push({ metricName: `${name}_count`, labels: own, value: count });
      }
    }
    return values;
  }
}

/** A counter over two labels. It may also record each increment in an {@link Activity}. */
export class HotCounter {
  readonly #counts = new Map<string, Map<string, number>>();
  readonly #activity: Activity | undefined;

  constructor(registry: Registry, about: About & { readonly activity?: Activity }) {
    this.#activity = about.activity;
    register(registry, about, "counter", () =>
      [...this.#counts].flatMap(([first, bySecond]) =>
        [...bySecond].map(([second, value]) => ({ labels: { [about.labels[0]]: first, [about.labels[1]]: second }, value })),
      ),
    );
  }

  /** Shows the series with a count of 0 before its first increment. */
  begin(first: string, second: string): void {
    this.#add(first, second, 0);
  }

  inc(first: string, second: string): void {
    this.#add(first, second, 1);
    this.#activity?.record(false, 0);
  }

  #add(first: string, second: string, count: number): void {
    let bySecond = this.#counts.get(first);
    if (bySecond === undefined) {
      bySecond = new Map();
      this.#counts.set(first, bySecond);
    }
    bySecond.set(second, (bySecond.get(second) ?? 0) + count);
  }
}

interface Series {
  readonly buckets: number[];
  sum: number;
  count: number;
}

interface About {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly [string, string];
  /** The labels that the first value represents, instead of its own name. */
  readonly labelsOf?: (first: string) => Readonly<Record<string, string>>;
}

interface Value {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** Registers the subset of prom-client's metric that its registry uses. */
function register(registry: Registry, { name, help, labels, labelsOf }: About, type: "histogram" | "counter", values: () => Value[]): void {
  const labelNames = [...(labelsOf === undefined ? [labels[0]] : Object.keys(labelsOf(""))), labels[1]];
  const metric = {
    name,
    help,
    type,
    labelNames,
    get: async () => ({ name, help, type, aggregator: "sum", values: values() }),
    reset: () => {},
  };
  registry.registerMetric(metric as never);
}
