/** A value in a template: text is escaped, Html is inserted unchanged, and absent values are left out. */
export type HtmlValue = string | number | Html | readonly HtmlValue[] | false | null | undefined;

/** Markup made by `html`. The class is not exported, so that a string becomes markup only through a template. */
class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}
export type Html = Markup;

/** Makes markup; values are escaped for text and for quoted attributes. Attributes in a template are always quoted. */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return new Markup(strings.map((literal, at) => literal + (at < values.length ? render(values[at]) : "")).join(""));
}

function render(value: HtmlValue): string {
  if (value === false || value === null || value === undefined) return "";
  if (value instanceof Markup) return value.text;
  if (typeof value === "object") return value.map(render).join("");
  return escaped(String(value));
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character] as string);
