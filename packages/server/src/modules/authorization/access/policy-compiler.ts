import { PermissionTree, Policy } from "@gatehouse/policy";
import type { policyReads } from "./policy-store.ts";

type Reads = Pick<ReturnType<typeof policyReads>, "policyFingerprint" | "policyDefinition">;

/**
 * Compiles the authorization policy from this module's tables. Compiling 20,000 permissions takes about 30 ms, so it caches the last policy
 * while the fingerprint of the tables is the same. One instance per process.
 */
export class PolicyCompiler {
  #last: { readonly fingerprint: string; readonly policy: Policy } | undefined;

  async compile(store: Reads): Promise<Policy> {
    if (this.#last !== undefined && this.#last.fingerprint === (await store.policyFingerprint())) return this.#last.policy;
    // Uses the fingerprint that was read with the definition: an earlier one could belong to an older policy.
    const { fingerprint, permissions, model } = await store.policyDefinition();
    const policy = new Policy(new PermissionTree(permissions), model);
    this.#last = { fingerprint, policy };
    return policy;
  }
}
