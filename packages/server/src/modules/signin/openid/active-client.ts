import type { Client } from "./model.ts";

/** A client that may get tokens. */
export interface ActiveClient extends Omit<Client, "secrets" | "status" | "version"> {
  readonly secrets: readonly { readonly hash: string; readonly expiresAt: Date | null }[];
}
