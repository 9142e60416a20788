import type { PolicyCompiler } from "./policy-compiler.ts";

/** What a delegation check needs of the context that prepares a command. */
export interface Delegating<Reads = unknown> {
  readonly state: PolicyCompiler;
  reading<T>(work: (store: Reads & Parameters<PolicyCompiler["compile"]>[0]) => Promise<T>): Promise<T>;
  notHeld(organizationId: string | null, values: readonly string[]): Promise<readonly string[]>;
}
