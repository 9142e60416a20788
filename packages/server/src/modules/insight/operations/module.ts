import { module } from "#operation/module.ts";
import { operationsStore } from "./store.ts";

/** What an operator asks of the events' ways: how far they are, and what could not be handled. */
export const operations = module("operations", { store: operationsStore });
