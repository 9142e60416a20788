import { identity } from "#modules/foundation/identity/index.ts";
import { notifications } from "#modules/foundation/notifications/index.ts";
import { tenancy } from "#modules/organization/tenancy/index.ts";
import { sessions } from "#modules/signin/sessions/index.ts";
import type { ErrorDefinition, ErrorDetail } from "#operation/errors.ts";
import { type CommandContext, type FacesOf, module, type ReadFacesOf, type ReadingContext } from "#operation/module.ts";
import { HashKinds } from "./hash-kinds.ts";
import { authenticationStore, type Reads, type Writes } from "./store.ts";

const uses = { notifications, identity, tenancy, sessions };

/** How people come to have an account and prove who they are: registration, credentials, one-time links and sign-in. */
export const authentication = module("authentication", {
  store: authenticationStore,
  state: () => new HashKinds(),
  uses,
});

/** Refuses with an error of those that the function may end with; the operation that calls it declares them. */
interface Failing<Errors extends ErrorDefinition> {
  readonly fail: (error: Errors, ...details: ErrorDetail[]) => never;
}

/** What a function of this module is given before the transaction of a command. */
export type Preparing<Errors extends ErrorDefinition = never> = Omit<
  ReadingContext<Reads, HashKinds, ReadFacesOf<typeof uses>, []>,
  "fail"
> &
  Failing<Errors>;

/** What a function of this module is given in the transaction of a command. */
export type Writing<Errors extends ErrorDefinition = never> = Omit<
  CommandContext<Reads, Writes, HashKinds, FacesOf<typeof uses>, []>,
  "fail"
> &
  Failing<Errors>;
