/** A value that goes to the database beside the text. */
class Parameter {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}

/** SQL in pieces: text, and the places of values. Only `render` knows what stands at those places. */
export type Sql = readonly (string | Parameter)[];

/** Text of the program's own and fragments; a value can only come in by `bind`. */
export const sql = (texts: TemplateStringsArray, ...parts: readonly Sql[]): Sql =>
  texts.flatMap((text, index) => [text, ...(parts[index] ?? [])]);

/** The place of a value. */
export const bind = (value: unknown): Sql => [new Parameter(value)];

/** Text that is the program's own or has been quoted. */
export const raw = (text: string): Sql => [text];

export const joined = (parts: readonly Sql[], separator: string): Sql =>
  parts.flatMap((part, index) => (index === 0 ? part : [separator, ...part]));

/** The text with placeholders, whose positions count from nought, and the values in their order. */
export function render(fragment: Sql, placeholder: (position: number) => string): { text: string; values: unknown[] } {
  const values: unknown[] = [];
  const text = fragment.map((piece) => (typeof piece === "string" ? piece : placeholder(values.push(piece.value) - 1))).join("");
  return { text, values };
}
