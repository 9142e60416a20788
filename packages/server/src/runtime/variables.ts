import { accessVariables } from "./variables/access.ts";
import { operationVariables } from "./variables/operations.ts";
import { processVariables } from "./variables/process.ts";
import { serviceVariables } from "./variables/services.ts";
import type { Variable } from "./variables/variable.ts";

export type { Variable };

/** Every variable of the configuration, in the order of `gatehouse config` and the reference. */
export const variables: readonly Variable[] = [...processVariables, ...serviceVariables, ...accessVariables, ...operationVariables];
