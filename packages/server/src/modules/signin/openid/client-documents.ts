import { LRUCache } from "lru-cache";
import { parseJson } from "#operation/transport/json.ts";
import type { GuardedFetch } from "#platform/network/guarded-fetch.ts";
import type { Platform } from "#platform/platform.ts";
import type { ActiveClient } from "./active-client.ts";
import { settingsColumns } from "./client-settings.ts";
import { isDevelopment } from "./client-uris.ts";
import { defaultSettings, grantTypesOf } from "./model.ts";

/** An application may change its document at any time. */
const validMs = 300_000;
/** A document that is not there, or not valid, is not asked for again for this long. */
const invalidMs = 60_000;
/** A few kilobytes each. */
const documentsMax = 1_000;
const documentBytesMax = 5 * 1024;
const urlLengthMax = 500;
const nameLengthMax = 255;

/**
 * Clients whose `client_id` is the address of a document about them (OAuth Client ID Metadata Document, draft). Each is public and global, and has the
 * scopes among those that applications may give themselves. Its name has the host of its address, which no other client can take.
 */
export class ClientDocuments {
  readonly #platform: Platform;
  readonly #fetch: GuardedFetch;
  readonly #clients = new LRUCache<string, Promise<ActiveClient | null>>({ max: documentsMax });

  constructor(platform: Platform, fetch: GuardedFetch) {
    this.#platform = platform;
    this.#fetch = fetch;
  }

  /** The client with this address as its id; null where there is none, or applications may not introduce themselves. */
  async find(id: string): Promise<ActiveClient | null> {
    const { registrationScopes } = this.#platform.settings;
    if (registrationScopes.length === 0 || !this.#isClientUrl(id)) return null;
    const known = this.#clients.get(id);
    if (known !== undefined) return known;
    // Concurrent requests share one fetch.
    const client = this.#read(id).catch(() => null);
    this.#clients.set(id, client, { ttl: invalidMs });
    if ((await client) !== null) this.#clients.set(id, client, { ttl: validMs });
    return client;
  }

  /** HTTPS with a path, in the one form that browsers keep; without user, query or fragment. */
  #isClientUrl(id: string): boolean {
    const url = id.length > urlLengthMax ? null : URL.parse(id);
    if (url === null || url.href !== id || url.pathname === "/" || `${url.username}${url.password}${url.search}${url.hash}` !== "")
      return false;
    return url.protocol === "https:" || (url.protocol === "http:" && this.#isDevelopment);
  }

  get #isDevelopment(): boolean {
    return isDevelopment(this.#platform.settings.publicUrl);
  }

  async #read(id: string): Promise<ActiveClient | null> {
    const response = await this.#fetch(id, { headers: { accept: "application/json" } });
    const text = await response.text();
    const isJson = /^application\/(?:[\w.+-]+\+)?json\b/i.test(response.headers.get("content-type") ?? "");
    if (response.status !== 200 || !isJson || Buffer.byteLength(text) > documentBytesMax) return null;
    const document = parseJson(text) as Readonly<Record<string, unknown>> | null;
    if (document?.["client_id"] !== id || "client_secret" in document || (document["token_endpoint_auth_method"] ?? "none") !== "none")
      return null;
    return this.#clientOf(id, document);
  }

  /** Throws where the metadata is not that of a client. Null where it has no scope that it may have. */
  #clientOf(id: string, { client_name, redirect_uris, scope }: Readonly<Record<string, unknown>>): ActiveClient | null {
    const { host } = new URL(id);
    const allowed = this.#platform.settings.registrationScopes;
    const asked = typeof scope === "string" ? scope.split(" ") : allowed;
    const scopes = allowed.filter((value) => asked.includes(value));
    if (scopes.length === 0) return null;
    const given = typeof client_name === "string" && client_name.trim() !== "" ? `${client_name} (${host})` : host;
    const settings = {
      ...defaultSettings("public"),
      name: given.slice(0, nameLengthMax),
      redirectUris: textsOf(redirect_uris),
      scopes,
    };
    settingsColumns({ kind: "public", organizationId: null }, settings, { development: this.#isDevelopment });
    const now = new Date(this.#platform.clock.now()).toISOString();
    return {
      ...settings,
      id,
      organizationId: null,
      kind: "public",
      grantTypes: [...grantTypesOf({ kind: "public", deviceFlow: false })],
      serviceAccountId: null,
      secrets: [],
      createdAt: now,
      updatedAt: now,
    };
  }
}

const redirectUrisMax = 20;

function textsOf(value: unknown): string[] {
  const isList = Array.isArray(value) && value.length <= redirectUrisMax && value.every((each) => typeof each === "string");
  if (!isList) throw new TypeError("redirect_uris is no list of texts");
  return value;
}
