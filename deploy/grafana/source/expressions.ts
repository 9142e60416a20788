/** PromQL that the dashboards share. `$__rate_interval` is Grafana's: four scrapes at least. */
const window = "$__rate_interval";

export const rate = (metric: string, by = ""): string => `sum${by && ` by (${by})`} (rate(${metric}[${window}]))`;

/** Quantiles of a histogram, by legend. */
export const quantiles = (histogram: string, selector = ""): Record<string, string> =>
  Object.fromEntries([50, 95, 99].map((percent) => [`p${percent}`, quantile(percent / 100, histogram, selector)]));

export const quantile = (share: number, histogram: string, selector = "", by = ""): string =>
  `histogram_quantile(${share}, sum by (le${by && `, ${by}`}) (rate(${histogram}_bucket${selector && `{${selector}}`}[${window}])))`;

/** The share of `metric` that is `selected`: 0 where none is, although a counter exists only from its first count; no result where `metric` has none. */
export const share = (metric: string, selected: string, all = "", by = ""): string => {
  const whole = rate(all === "" ? metric : `${metric}{${all}}`, by);
  return `(${rate(`${metric}{${selected}}`, by)} or 0 * ${whole}) / ${whole}`;
};
