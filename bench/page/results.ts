import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Outcome } from "../lib/outcome.ts";
import { resultsFolder } from "../lib/paths.ts";
import { disturbanceOf, type Taken } from "../lib/report.ts";
import type { Figure, Surveyed } from "../lib/survey.ts";

/** The newest result of each benchmark and survey. A missing one fails the page. */
export class Results {
  readonly #read = new Map<string, (Outcome | Surveyed) & Taken>();

  row(name: string): Outcome & Taken {
    return this.#of(name) as Outcome & Taken;
  }

  /** The value of a survey's figure. */
  figure(survey: string, id: string): number {
    return this.figureOf(survey, id).value;
  }

  figureOf(survey: string, id: string): Figure {
    const found = (this.#of(survey) as Surveyed).figures.find((figure) => figure.id === id);
    if (found === undefined) throw new Error(`the result of ${survey} has no figure ${id}: run \`npm run bench -- ${survey}\` again`);
    return found;
  }

  figures(survey: string): readonly Figure[] {
    return (this.#of(survey) as Surveyed).figures;
  }

  /** Every result that the page has used. */
  get all(): readonly ((Outcome | Surveyed) & Taken)[] {
    return [...this.#read.values()];
  }

  /** The marker of figures from a busy machine. */
  mark(name: string): string {
    return disturbanceOf(this.#of(name)) === undefined ? "" : " (!)";
  }

  #of(name: string): (Outcome | Surveyed) & Taken {
    const known = this.#read.get(name) ?? readResult(name);
    this.#read.set(name, known);
    return known;
  }
}

function readResult(name: string): (Outcome | Surveyed) & Taken {
  try {
    return JSON.parse(readFileSync(join(resultsFolder, `${name}.json`), "utf8"));
  } catch (error) {
    throw new Error(`the page needs the result of ${name}: run \`npm run bench -- ${name}\` (${(error as Error).message})`);
  }
}
