import { LRUCache } from "lru-cache";
import { Provider } from "oidc-provider";
import { configuration } from "./configuration.ts";
import type { ProtocolDependencies } from "./dependencies.ts";
import { requestState, withoutRequest } from "./request-state.ts";
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

/** A method of the library's client that its types do not have. */
export interface SendsLogout {
  backchannelLogout(userId: string, sessionId: string): Promise<void>;
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
  const { prototype } = Client as unknown as { readonly prototype: SendsLogout };
  const send = prototype.backchannelLogout;
  // Sessions end in many ways. A job tells the clients of each ended session, so a sign-out here does not tell them in addition.
  prototype.backchannelLogout = async function (this: SendsLogout, userId, sessionId) {
    if (withoutRequest()) await send.call(this, userId, sessionId);
  };
  provider.use(async (ctx, next) => {
    await next();
    const oidc = ctx["oidc"] as { readonly client?: { readonly clientId: string } } | undefined;
    requestState().clientId = oidc?.client?.clientId;
  });
  provider.on("server_error", (_ctx, error) => {
    requestState().failure ??= error;
  });
  return provider;
}
