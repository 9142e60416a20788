import { module } from "#operation/declaration/module.ts";
import { deadLetterPorts } from "./dead-letter-ports.ts";
import { operationsStore } from "./store.ts";

/** What an operator asks about the delivery of events: how far it is, and what could not be handled. */
export const operations = module("operations", { store: operationsStore, state: deadLetterPorts });
