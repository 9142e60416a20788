/**
 * The words that the field does not use for what is meant here, and the ones that it uses. A word is looked for as a whole word: in an
 * identifier between its capitals, in a comment or a text between spaces.
 */
export interface Term {
  /** Matches a word, or several with one space between. Small letters. */
  readonly refused: RegExp;
  readonly instead: string;
  /** Where it is refused; everywhere without. `identifiers`: it is an ordinary English word elsewhere. */
  readonly only?: "identifiers" | "prose";
}

export const terms: readonly Term[] = [{ refused: /\b(?:he|his|him|himself)\b/, instead: "they, their, them", only: "prose" }];
