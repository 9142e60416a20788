import { LRUCache } from "lru-cache";
import { Provider } from "oidc-provider";
import { configuration } from "./configuration.ts";
import type { ProtocolDependencies } from "./dependencies.ts";
import { requestState } from "./request-state.ts";
import { type SigningKeySet, signingKeys } from "./signing-keys.ts";

/** The present provider, and the one before a rotation, whose requests may be under way. */
const providersMax = 2;

/**
 * The providers by their keys. The library reads its keys once, so a rotation makes another provider; all of its state is in the database, and
 * nothing is lost.
 */
export class Providers {
  readonly #dependencies: ProtocolDependencies;
  readonly #byKeys = new LRUCache<string, Provider>({ max: providersMax });

  constructor(dependencies: ProtocolDependencies) {
    this.#dependencies = dependencies;
  }

  async current(): Promise<Provider> {
    const signing = signingKeys(await this.#dependencies.cached.tokens.keySet());
    let provider = this.#byKeys.get(signing.fingerprint);
    if (provider === undefined) {
      provider = newProvider(this.#dependencies, signing);
      this.#byKeys.set(signing.fingerprint, provider);
    }
    return provider;
  }
}

/** What the application reads of the library's context after an answer. */
interface LibraryContext {
  readonly route?: string;
  readonly params?: { readonly grant_type?: string };
  readonly client?: { readonly clientId: string; grantTypeAllowed(type: string): boolean };
  readonly session?: { readonly state?: { readonly secret?: string } };
  readonly entities: { readonly IdTokenHint?: { readonly payload: { readonly sub?: string } } };
}

/** A method of the library's client that its types do not have. */
interface SendsLogout {
  backchannelLogout(): Promise<void>;
}

function newProvider(dependencies: ProtocolDependencies, signing: SigningKeySet): Provider {
  const { platform, clients } = dependencies;
  const provider = new Provider(platform.settings.publicUrl, configuration(dependencies, signing));
  // The application sets the forwarded headers itself, from the issuer.
  provider.proxy = true;
  const { Client } = provider;
  // Secrets are stored as hashes, and several are valid during a rotation.
  Client.prototype.compareClientSecret = async function (this: InstanceType<typeof Client>, secret: string) {
    return clients.verifySecret(await clients.find(this.clientId), secret);
  };
  // Sessions end in many ways. A job tells the clients of each ended session, so a sign-out here does not tell them in addition.
  (Client.prototype as unknown as SendsLogout).backchannelLogout = async () => {};
  provider.use(async (ctx, next) => {
    await next();
    const oidc = ctx["oidc"] as LibraryContext | undefined;
    if (isOfForeignGrant(oidc, ctx.body)) ctx.body = { ...ctx.body, error: "unauthorized_client" };
    const state = requestState();
    state.clientId = oidc?.client?.clientId;
    state.logoutForm = oidc?.session?.state?.secret;
    state.idTokenSubject = oidc?.entities.IdTokenHint?.payload.sub;
  });
  provider.on("server_error", (_ctx, error) => {
    requestState().failure ??= error;
  });
  return provider;
}

/** The library answers with `invalid_request` where RFC 6749 §5.2 has another error: the client does not have the grant type. */
function isOfForeignGrant(oidc: LibraryContext | undefined, body: unknown): body is { readonly error: string } {
  const type = oidc?.params?.grant_type;
  if (oidc?.route !== "token" || oidc.client === undefined || type === undefined) return false;
  return (body as { readonly error?: string } | null)?.error === "invalid_request" && !oidc.client.grantTypeAllowed(type);
}
