/**
 * `node deploy/grafana/ask.ts http://127.0.0.1:9090` runs every query of the dashboards on a Prometheus, reads the state of its rules, and
 * prints refused queries and queries without a result. `--all` prints the others, too. Exits 1 where a query is refused, or where Prometheus
 * scrapes no process. A query without a result may be correct: nothing of the kind has happened, or the dependency is not configured.
 */
import { parseArgs } from "node:util";
import { metricNames } from "./source/names.ts";
import { type Panel, Prometheus, panels } from "./source/prometheus.ts";

const usage = "node deploy/grafana/ask.ts <address of Prometheus> [--all]\n";

const { address, all } = readOptions();
const prometheus = new Prometheus(address);
try {
  process.exitCode = (await report()) ? 0 : 1;
} catch (error) {
  process.stderr.write(`Prometheus does not answer at ${address}: ${reason(error)}\n`);
  process.exitCode = 69;
}

/** True where Prometheus accepts every query and rule. */
async function report(): Promise<boolean> {
  const targets = await prometheus.targets();
  const up = targets.filter(({ health }) => health === "up");
  say(`${up.length} of ${targets.length} processes are scraped`);
  for (const { url, lastError } of targets.filter(({ health }) => health !== "up")) say(`  down     ${url} ${lastError}`);
  const refused = [...(await dashboards()), ...(await rules())];
  return refused.length === 0 && up.length > 0;
}

async function dashboards(): Promise<readonly string[]> {
  const answers = await Promise.all(panels().map(async (panel) => ({ panel, answer: await prometheus.ask(panel.expr) })));
  const refused = answers.filter(({ answer }) => answer.error !== undefined);
  const silent = answers.filter(({ answer }) => answer.values === 0);
  say(`${answers.length} queries of dashboards: ${answers.length - refused.length - silent.length} answer`);
  for (const { panel, answer } of answers) {
    if (answer.error !== undefined) say(`  refused  ${nameOf(panel)}: ${answer.error}\n           ${panel.expr}`);
    else if (answer.values === 0) say(`  nothing  ${nameOf(panel)}\n           ${panel.expr}`);
    else if (all) say(`  ${String(answer.values).padStart(7)}  ${nameOf(panel)}`);
  }
  return refused.map(({ panel }) => nameOf(panel));
}

/** An inactive alert has no result, so this checks that its metrics exist. */
async function rules(): Promise<readonly string[]> {
  const [found, names] = [await prometheus.rules(), await prometheus.names()];
  const refused = found.filter(({ health }) => health === "err");
  const firing = found.filter(({ state }) => state === "firing");
  say(`${found.length} alerts and recording rules: ${found.length - refused.length} are understood, ${firing.length} fire`);
  for (const { name, lastError } of refused) say(`  refused  ${name}: ${lastError}`);
  for (const { name } of firing) say(`  fires    ${name}`);
  for (const { name, query } of found) {
    const unknown = metricNames(query).filter((metric) => !names.has(metric));
    if (unknown.length > 0) say(`  nothing  ${name}: no process exports ${unknown.join(", ")}`);
  }
  return refused.map(({ name }) => name);
}

function readOptions(): { readonly address: string; readonly all: boolean } {
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: { all: { type: "boolean", default: false } } });
    const [given, ...more] = positionals;
    if (given === undefined || more.length > 0 || !URL.canParse(given)) throw new Error("The address of one Prometheus is required.");
    return { address: given, all: values.all };
  } catch (error) {
    process.stderr.write(`${reason(error)}\n\n${usage}`);
    process.exit(64);
  }
}

function nameOf({ dashboard, title, legend }: Panel): string {
  return `${dashboard}, ${title}${legend === "" ? "" : ` (${legend})`}`;
}

function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== "" ? cause.message : message;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
