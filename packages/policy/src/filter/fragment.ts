/** A parameter, sent separately from the SQL text. */
class Parameter {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}

/** A SQL fragment: text and parameters. Only `render` knows the placeholders. */
export type Sql = readonly (string | Parameter)[];

/** Builds a fragment from constant text and fragments; values are only added by `bind`. */
export const sql = (texts: TemplateStringsArray, ...parts: readonly Sql[]): Sql =>
  texts.flatMap((text, index) => [text, ...(parts[index] ?? [])]);

/** A parameter. */
export const bind = (value: unknown): Sql => [new Parameter(value)];

/** Constant or quoted text. */
export const raw = (text: string): Sql => [text];

export const joined = (parts: readonly Sql[], separator: string): Sql =>
  parts.flatMap((part, index) => (index === 0 ? part : [separator, ...part]));

/** The text with placeholders, whose positions count from nought, and the values in their order. */
export function render(fragment: Sql, placeholder: (position: number) => string): { text: string; values: unknown[] } {
  const values: unknown[] = [];
  const text = fragment.map((piece) => (typeof piece === "string" ? piece : placeholder(values.push(piece.value) - 1))).join("");
  return { text, values };
}
