export function median(values: number[]): number {
  if (values.length === 0) throw new Error("median of nothing");
  const sorted = values.toSorted((a, b) => a - b);
  const place = (index: number) => sorted[index] ?? Number.NaN;
  const upper = sorted.length >> 1;
  return sorted.length % 2 === 1 ? place(upper) : (place(upper - 1) + place(upper)) / 2;
}

export function spread(values: number[]): [min: number, max: number] {
  return [Math.min(...values), Math.max(...values)];
}
