/** What a variable has no effect without. */
export interface Need {
  readonly variable: string;
  /** What the other variable's value begins with; any value where it is absent. */
  readonly beginning?: string;
  /** A start without it is refused, where the operator would rely on what does not happen; otherwise it is warned about. */
  readonly refused?: true;
}

/** A variable of the configuration: what it is called, takes and means. `gatehouse config` prints this table. */
export interface Variable {
  readonly name: string;
  /** The value where it is not set. */
  readonly fallback: unknown;
  /** The default in words, where the fallback does not say it. */
  readonly fallbackText?: string;
  readonly takes: string;
  readonly meaning: string;
  /** What it is about; a value that is set without that would be ignored. */
  readonly needs?: Need;
  /** Its value is shown nowhere. */
  readonly secret?: boolean;
  /** The value of a text; undefined when it is none. */
  parse(text: string): unknown;
}
