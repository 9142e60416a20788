import { figure } from "../lib/report.ts";

export { figure };

/** Bytes in the unit in which they are read easily; 1 KB is 1,000 bytes here. */
export function bytes(count: number): string {
  for (const [unit, size] of [
    ["GB", 1e9],
    ["MB", 1e6],
    ["KB", 1e3],
  ] as const) {
    if (count >= size) return `${figure(count / size)} ${unit}`;
  }
  return `${Math.round(count)} B`;
}

export const megabits = (bytesPerSecond: number): string => `${figure((bytesPerSecond * 8) / 1e6)} Mbit/s`;

export const count = (value: number): string => Math.round(value).toLocaleString("en-US");

export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
