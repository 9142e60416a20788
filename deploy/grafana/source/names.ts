/** The metrics in an expression, without recorded ones. */
export const metricNames = (expr: string): readonly string[] => [
  ...new Set(expr.match(/\b(?:gatehouse|process|nodejs)_[a-z0-9_]+/g) ?? []),
];
