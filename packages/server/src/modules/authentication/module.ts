import { module } from "../../operation/module.ts";
import { identity } from "../identity/index.ts";
import { sessions } from "../sessions/index.ts";
import { tenancy } from "../tenancy/index.ts";
import { HashKinds } from "./hash-kinds.ts";
import { authenticationStore } from "./store.ts";

/** How a person proves who he is (S3 §8.1, §18.4). */
export const authentication = module("authentication", {
  store: authenticationStore,
  state: () => new HashKinds(),
  uses: { identity, sessions, tenancy },
});
