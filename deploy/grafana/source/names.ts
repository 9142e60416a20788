/** The metrics that an expression names, without those that a source's own name is kept by (they are made by rules). */
export const metricNames = (expr: string): readonly string[] => [
  ...new Set(expr.match(/\b(?:gatehouse|process|nodejs)_[a-z0-9_]+/g) ?? []),
];
