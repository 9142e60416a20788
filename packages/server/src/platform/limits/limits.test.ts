import { limitsConformance } from "./conformance/limits-conformance.ts";
import { inProcessLimits } from "./limits.ts";

limitsConformance("in process", async () => inProcessLimits());
