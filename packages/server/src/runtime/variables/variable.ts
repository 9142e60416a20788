/** Another variable that a variable needs to have an effect. */
export interface Need {
  readonly variable: string;
  /** The prefix of the other variable's value; any value where it is absent. */
  readonly beginning?: string;
  /** Whether a start without it is refused, because the operator would rely on the setting; otherwise it logs a warning. */
  readonly refused?: true;
}

/** A variable of the configuration. `gatehouse config` prints this table. */
export interface Variable {
  readonly name: string;
  /** The value where it is not set. */
  readonly fallback: unknown;
  /** The default in words, where `fallback` is not enough. */
  readonly fallbackText?: string;
  readonly takes: string;
  readonly meaning: string;
  /** The variable that it needs; without that a value would be ignored. */
  readonly needs?: Need;
  /** A secret: its value is never shown. */
  readonly secret?: boolean;
  /** Parses a text; undefined where it is invalid. */
  parse(text: string): unknown;
}
