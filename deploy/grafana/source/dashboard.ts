/** The subset of Grafana's dashboard model that these dashboards use (schemaVersion 39, for Grafana 11 and later). */
export interface Panel {
  readonly title: string;
  /** PromQL by the legend of its lines. */
  readonly lines: Readonly<Record<string, string>>;
  /** Grafana's unit: `s`, `reqps`, `ops`, `percentunit`, `short`, `bytes`. */
  readonly unit?: string;
  /** One number instead of lines over time. */
  readonly single?: boolean;
}

export interface Section {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Dashboard {
  /** Also its file's name. */
  readonly uid: string;
  readonly title: string;
  readonly about: string;
  readonly sections: readonly Section[];
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's variable, replaced when the dashboard is shown
const datasource = { type: "prometheus", uid: "${datasource}" };
/** Grafana's grid is 24 wide; three panels in a row are readable on a laptop. */
const panelWidth = 8;
const panelHeight = 8;

/** The dashboard as Grafana's JSON. */
export function grafana({ uid, title, about, sections }: Dashboard): object {
  let id = 0;
  let y = 0;
  const panels: object[] = [];
  for (const section of sections) {
    panels.push({ id: ++id, type: "row", title: section.title, collapsed: false, gridPos: { x: 0, y, w: 24, h: 1 }, panels: [] });
    y += 1;
    for (const [index, panel] of section.panels.entries()) {
      const column = index % 3;
      panels.push(panelOf(panel, ++id, { x: column * panelWidth, y, w: panelWidth, h: panelHeight }));
      if (column === 2 || index === section.panels.length - 1) y += panelHeight;
    }
  }
  return {
    uid: `gatehouse-${uid}`,
    title: `Gatehouse: ${title}`,
    description: about,
    tags: ["gatehouse"],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    timezone: "browser",
    templating: { list: [{ name: "datasource", label: "Data source", type: "datasource", query: "prometheus", current: {}, hide: 0 }] },
    annotations: { list: [] },
    links: [{ type: "dashboards", title: "Gatehouse", tags: ["gatehouse"], asDropdown: true, includeVars: true, keepTime: true }],
    panels,
  };
}

const panelOf = ({ title, lines, unit = "short", single = false }: Panel, id: number, gridPos: object): object => ({
  id,
  type: single ? "stat" : "timeseries",
  title,
  datasource,
  gridPos,
  fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
  options: single
    ? { reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false }, colorMode: "value", graphMode: "area" }
    : { legend: { displayMode: "list", placement: "bottom", showLegend: true }, tooltip: { mode: "multi", sort: "desc" } },
  targets: Object.entries(lines).map(([legendFormat, expr], index) => ({
    refId: String.fromCharCode("A".charCodeAt(0) + index),
    datasource,
    expr,
    legendFormat,
    range: !single,
    instant: single,
  })),
});
