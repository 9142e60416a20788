import { randomBytes } from "node:crypto";
import { type ModuleManifest, module } from "../../server/src/operation/declaration/module.ts";
import type { IdentifiedPrincipal } from "../../server/src/operation/declaration/principal.ts";

const prefix = "ght_";

/** A module that authenticates `ght_` tokens as the principals that a test issues them for. */
export class TokenAuthenticator {
  readonly #principals = new Map<string, IdentifiedPrincipal>();
  /** The manifest, for `startTestServer`. */
  readonly module: ModuleManifest = {
    module: module("test-tokens", { store: { reads: () => ({}), writes: () => ({}) } }),
    operations: [],
    events: [],
    steps: [],
    authenticators: () => [
      {
        accepts: (token) => token.startsWith(prefix),
        authenticate: async (token) => this.#principals.get(token) ?? null,
      },
    ],
  };

  issue(principal: IdentifiedPrincipal): string {
    const token = `${prefix}${randomBytes(12).toString("hex")}`;
    this.#principals.set(token, principal);
    return token;
  }

  revoke(token: string): void {
    this.#principals.delete(token);
  }
}
