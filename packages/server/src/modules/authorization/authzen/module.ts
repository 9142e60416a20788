import { access } from "#modules/authorization/access/index.ts";
import { decisions, readerOf } from "#modules/authorization/decisions/index.ts";
import { module } from "#operation/declaration/module.ts";

/** The AuthZEN 1.0 Authorization API over the decisions module. It has no state of its own. */
export const authzen = module("authzen", {
  store: { reads: () => ({}), writes: () => ({}) },
  state: readerOf,
  uses: { access, decisions },
});
