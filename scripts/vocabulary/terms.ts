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

export const terms: readonly Term[] = [
  { refused: /\b(?:he|his|him|himself)\b/, instead: "they, their, them", only: "prose" },
  { refused: /\bhouses?\b/, instead: "application, ServerBackend" },
  { refused: /\bstrangers?\b/, instead: "non-member, or unauthenticated caller" },
  { refused: /\bwitness(?:es)?\b|\btestimon(?:y|ies)\b/, instead: "peer failure detector, peer report" },
  { refused: /\bkeepers?\b/, instead: "background task" },
  { refused: /\bstandstills?\b/, instead: "event-loop stall" },
  { refused: /\boccasions?\b/, instead: "request context" },
  { refused: /\bpoison\b|\bfutile\b/, instead: "dead letter, NonRetryableError" },
  { refused: /\bpatience\b/, instead: "retry schedule" },
  { refused: /\btake turn\b/, instead: "lockSubject; write conflict", only: "identifiers" },
  { refused: /\bread face\b|\bwrite face\b/, instead: "module API" },
  { refused: /\bforget old\b/, instead: "prune", only: "identifiers" },
  { refused: /\bremove over\b/, instead: "deleteExpired", only: "identifiers" },
  { refused: /\bmay hand out\b|\bmust not rise\b/, instead: "delegation check, missing permissions", only: "identifiers" },
  { refused: /\bwhoever\b/, instead: "the caller that, a user who", only: "prose" },
  { refused: /\bsomebody\b|\banybody\b/, instead: "a user, another principal", only: "prose" },
  { refused: /\bhears?\b|\bheard\b/, instead: "observe", only: "identifiers" },
  { refused: /\bnoted\b/, instead: "audited, recorded" },
  { refused: /\baudit trails?\b/, instead: "audit log", only: "identifiers" },
  { refused: /\bread models?\b/, instead: "projection", only: "prose" },
  { refused: /\bseals?\b|\bsealing\b|\bsealer\b/, instead: "encrypt; append to the hash chain", only: "identifiers" },
  { refused: /\bovertaken\b/, instead: "write conflict", only: "identifiers" },
  { refused: /\bput aside\b/, instead: "dead-letter" },
  { refused: /\bin parts\b/, instead: "inBatches", only: "identifiers" },
  { refused: /\bfront door\b|\bhttp door\b/, instead: "HTTP server, gateway" },
];
