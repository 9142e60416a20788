import { module } from "../../operation/module.ts";
import { deliveryStore } from "./store.ts";

/** What an operator asks of the events' ways: how far they are, and what could not be handled. */
export const delivery = module("delivery", { store: deliveryStore });
