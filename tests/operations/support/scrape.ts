/** Exported series: for each name, the values of each label. */
export type Scrape = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>;

export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Reads one line of the text format, or the series of a rule's test. */
export function seriesOf(line: string): Series {
  const [, name = "", , selector = ""] = /^([a-zA-Z_:][\w:]*)(\{(.*)\})?/.exec(line) ?? [];
  const labels = [...selector.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, value]) => [label as string, value as string]);
  return { name, labels: Object.fromEntries(labels) };
}

/** The series of Prometheus' text format. */
export function readScrape(text: string): Scrape {
  const found = new Map<string, Map<string, Set<string>>>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const { name, labels } = seriesOf(line);
    const known = found.get(name) ?? new Map<string, Set<string>>();
    found.set(name, known);
    for (const [label, value] of Object.entries(labels)) known.set(label, (known.get(label) ?? new Set()).add(value));
  }
  return found;
}
