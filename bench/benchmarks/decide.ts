import type { Benchmark } from "../lib/benchmark.ts";
import { inProcess } from "../lib/in-process.ts";

type Described = Pick<Benchmark, "name" | "compares" | "reach">;

/** Rows without a server: function calls in one process, each with a contest of the same name in `in-process/contests.ts`. */
const row = (described: Described, ...beside: string[]): Benchmark => ({
  ...described,
  unit: "decisions/s",
  direction: "atLeast",
  run: (bench) => inProcess(bench, described.name, beside),
});

export const decideHandWritten = row({
  name: "decide-hand-written",
  compares: "decision in process, warm subject, RBAC and one condition, against a Map of closures written by hand for each subject",
  reach: 0.5,
});

export const decideCasl = row({
  name: "decide-casl",
  compares: "the same decisions against @casl/ability with the ability kept",
  reach: 2,
});

export const decideCasbin = row({
  name: "decide-casbin",
  compares: "the same decisions against casbin enforceSync",
  reach: 1_000,
});

export const decideCedar = row(
  {
    name: "decide-cedar",
    compares: "the same decisions against @cedar-policy/cedar-wasm, a policy for each permission, preparsed",
    reach: 3_000,
  },
  "decide-cedar, a role's permissions as one list",
);

export const decideCold = row(
  {
    name: "decide-cold",
    compares: "first decision of a cold subject with 10 roles of 20 permissions, against CASL building its ability",
    reach: 1,
  },
  "decide-cold, roles that nobody held together before",
  "decide-cold, roles compiled anew",
);

export const decideRelations = row(
  {
    name: "decide-relations",
    compares: "decision by relationships in memory, against nested Sets written by hand",
  },
  "decide-relations, direct grants alone",
  "decide-relations, through a group alone",
  "decide-relations, through a parent zone alone",
  "decide-relations, denied alone",
);
