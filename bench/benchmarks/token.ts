import type { Benchmark } from "../lib/benchmark.ts";
import { inProcess } from "../lib/in-process.ts";

/** Tokens without a server, in one process. */
const benchmark = (definition: Pick<Benchmark, "name" | "compares" | "target">): Benchmark => ({
  ...definition,
  unit: "tokens/s",
  direction: "atLeast",
  run: (bench) => inProcess(bench, definition.name),
});

export const tokenIssue = benchmark({
  name: "token-issue",
  compares: "issuing an RS256 access token, against node:crypto signing the same bytes",
  target: 0.8,
});

export const tokenVerify = benchmark({
  name: "token-verify",
  compares: "verifying an RS256 access token and its claims, against node:crypto verifying the same signature",
  target: 0.8,
});
