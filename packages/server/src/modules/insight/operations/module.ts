import { module } from "#operation/declaration/module.ts";
import { deadLetterPorts } from "./dead-letter-ports.ts";
import { operationsStore } from "./store.ts";

/** The operator's view of event delivery: progress and dead letters. */
export const operations = module("operations", { store: operationsStore, state: deadLetterPorts });
