/** What may stand in a template: text is escaped, Html is taken as it is, nothing is nothing. */
export type Part = string | number | Html | readonly Part[] | false | null | undefined;

/** Markup made by `html`. The class is not exported as a value: a string becomes markup only by being written in a template. */
class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}
export type Html = Markup;

/** Markup whose values are escaped for text and for quoted attributes. Attributes in a template are always quoted. */
export function html(strings: TemplateStringsArray, ...values: readonly Part[]): Html {
  return new Markup(strings.map((literal, at) => literal + (at < values.length ? written(values[at]) : "")).join(""));
}

function written(part: Part): string {
  if (part === false || part === null || part === undefined) return "";
  if (part instanceof Markup) return part.text;
  if (typeof part === "object") return part.map(written).join("");
  return escaped(String(part));
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character] as string);
