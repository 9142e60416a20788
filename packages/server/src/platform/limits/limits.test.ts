import { limitsContract } from "./contract/limits-contract.ts";
import { inProcessLimits } from "./limits.ts";

limitsContract("in process", async () => inProcessLimits());
