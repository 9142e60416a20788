import type { Benchmark } from "../lib/benchmark.ts";
import { inProcess } from "../lib/in-process.ts";

type Definition = Pick<Benchmark, "name" | "compares" | "target">;

/** Benchmarks without a server: function calls in one process, each with a contest of the same name in `in-process/contests.ts`. */
const benchmark = (definition: Definition, ...informational: string[]): Benchmark => ({
  ...definition,
  unit: "decisions/s",
  direction: "atLeast",
  run: (bench) => inProcess(bench, definition.name, informational),
});

export const decideHandWritten = benchmark({
  name: "decide-hand-written",
  compares: "decision in process, warm subject, RBAC and one condition, against a Map of closures written by hand for each subject",
  target: 0.5,
});

export const decideCasl = benchmark({
  name: "decide-casl",
  compares: "the same decisions against @casl/ability with cached abilities",
  target: 2,
});

export const decideCasbin = benchmark({
  name: "decide-casbin",
  compares: "the same decisions against casbin enforceSync",
  target: 1_000,
});

export const decideCedar = benchmark(
  {
    name: "decide-cedar",
    compares: "the same decisions against @cedar-policy/cedar-wasm, a policy for each permission, preparsed",
    target: 3_000,
  },
  "decide-cedar, a role's permissions as one list",
);

export const decideCold = benchmark(
  {
    name: "decide-cold",
    compares: "first decision of a cold subject with 10 roles of 20 permissions, against CASL building its ability",
    target: 1,
  },
  "decide-cold, a new combination of roles",
  "decide-cold, roles compiled again",
);

export const decideRelations = benchmark(
  {
    name: "decide-relations",
    compares: "decision by relationships in memory, against nested Sets written by hand",
  },
  "decide-relations, only direct grants",
  "decide-relations, only through a group",
  "decide-relations, only through a parent zone",
  "decide-relations, only denials",
);
