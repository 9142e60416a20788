import { PermissionTree, Policy } from "@gatehouse/policy";
import type { PolicyDefinition } from "./policy-store.ts";

interface Reads {
  policyFingerprint(): Promise<string>;
  policyDefinition(): Promise<PolicyDefinition>;
}

/**
 * Compiles the authorization policy from this module's own tables. Compiling 20,000 permissions takes some 30 ms, so the last policy is
 * kept, and returned while its fingerprint is still that of the tables. One a process.
 */
export class PolicyCompiler {
  #last: { readonly fingerprint: string; readonly policy: Policy } | undefined;

  async compile(store: Reads): Promise<Policy> {
    if (this.#last !== undefined && this.#last.fingerprint === (await store.policyFingerprint())) return this.#last.policy;
    // The fingerprint comes with the definition: one that was read before could be of an older policy.
    const { fingerprint, permissions, model } = await store.policyDefinition();
    const policy = new Policy(new PermissionTree(permissions), model);
    this.#last = { fingerprint, policy };
    return policy;
  }
}
