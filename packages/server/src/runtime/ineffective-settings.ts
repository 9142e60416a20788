import type { Variable } from "./variables.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface Ineffective {
  /** Settings that an operator relies on: the start is refused. */
  readonly refused: readonly string[];
  /** Settings that change nothing: the start logs them and continues. */
  readonly ignored: readonly string[];
}

/** Read outside the table of variables: the file of settings, a worker's number, and the password of `user create`. */
const known = new Set(["GATEHOUSE_CONFIG", "GATEHOUSE_WORKER_INDEX", "GATEHOUSE_USER_PASSWORD"]);

/** Finds settings that have no effect: the feature they belong to is not configured, or their name is unknown. */
export function ineffectiveSettings(variables: readonly Variable[], given: Environment): Ineffective {
  const refused: string[] = [];
  const ignored: string[] = [];
  for (const { name, needs, fallback, parse } of variables) {
    const text = given[name];
    if (text === undefined || needs === undefined || parse(text) === fallback) continue;
    const { variable, beginning = "" } = needs;
    if (given[variable]?.startsWith(beginning)) continue;
    const lacks =
      beginning === "" ? `${variable} is not` : `${variable} does not begin with ${beginning}${beginning.endsWith(":") ? "//" : ""}`;
    (needs.refused ? refused : ignored).push(`${name} is set, and ${lacks}: it would have no effect.`);
  }
  const names = new Set([...known, ...variables.map(({ name }) => name)]);
  for (const name of Object.keys(given)) {
    if (!name.startsWith("GATEHOUSE_") || names.has(name)) continue;
    const near = nearest(name, names);
    ignored.push(`${name} is set, and there is no such setting${near === undefined ? "" : `; ${near} is one`}.`);
  }
  return { refused, ignored };
}

/** A name that differs in more letters is not a typing error. */
const typingErrorsMax = 3;

function nearest(name: string, names: ReadonlySet<string>): string | undefined {
  const [best] = [...names]
    .map((each) => ({ each, distance: editDistance(name, each) }))
    .sort((one, other) => one.distance - other.distance);
  return best !== undefined && best.distance <= typingErrorsMax ? best.each : undefined;
}

/** The number of letters to insert, remove or replace (Levenshtein). */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let line = 1; line <= one.length; line += 1) {
    const next = [line];
    for (let column = 1; column <= other.length; column += 1) {
      const replaced = (row[column - 1] as number) + (one[line - 1] === other[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[column] as number) + 1, (next[column - 1] as number) + 1));
    }
    row = next;
  }
  return row[other.length] as number;
}
