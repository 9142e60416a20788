import type { Adapter, AdapterPayload } from "oidc-provider";
import type { ClientCache } from "../client-cache.ts";
import { clientMetadata } from "./client-metadata.ts";

/** The clients of the library are those of this product. They are changed by operations only. */
export class ClientAdapter implements Adapter {
  readonly #clients: ClientCache;

  constructor(clients: ClientCache) {
    this.#clients = clients;
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const client = await this.#clients.find(id);
    return client === null ? undefined : (clientMetadata(client) as AdapterPayload);
  }

  async findByUid(): Promise<undefined> {}
  async findByUserCode(): Promise<undefined> {}
  upsert = refuse;
  consume = refuse;
  destroy = refuse;
  revokeByGrantId = refuse;
}

async function refuse(): Promise<never> {
  throw new Error("clients are changed by operations");
}
