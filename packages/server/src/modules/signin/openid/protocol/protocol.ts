import type { HttpAnswer, HttpRequest } from "#operation/transport/http-message.ts";
import { followSession, loginOf } from "./browser.ts";
import { grantClientCredentials } from "./client-credentials.ts";
import { conflictAnswer } from "./conflict-answers.ts";
import type { ProtocolDependencies } from "./dependencies.ts";
import { deviceDetails, submitDevice } from "./device.ts";
import type { Exchange } from "./exchange.ts";
import { interactionDetails } from "./interaction-details.ts";
import { submitInteraction } from "./interaction-submit.ts";
import { answerOfLibrary, setCookies } from "./library.ts";
import { logout } from "./logout.ts";
import { protectedResourceMetadata } from "./metadata.ts";
import { isPostedByBrowser, sendAsQuery } from "./posted-requests.ts";
import { Providers } from "./provider.ts";
import { countFailure, refuseFrequent } from "./rate-limits.ts";
import { register } from "./registration.ts";
import { RequestState, withRequestState } from "./request-state.ts";
import { paths, protectedResourcePath } from "./routes.ts";
import { introspect, revoke } from "./structured-tokens.ts";
import { StateConflict } from "./unit-of-work.ts";

/** Answers the requests of the protocol. The changes of a request are stored in one transaction before its answer is sent. */
export class Protocol {
  readonly #dependencies: ProtocolDependencies;
  readonly #providers: Providers;

  constructor(dependencies: ProtocolDependencies) {
    this.#dependencies = dependencies;
    this.#providers = new Providers(dependencies);
  }

  async answer(request: HttpRequest): Promise<HttpAnswer> {
    const provider = await this.#providers.current();
    const path = request.url.split("?", 1)[0] as string;
    const caller = { path, ip: request.origin.ip };
    await refuseFrequent(this.#dependencies, caller);
    const state = new RequestState(request.origin, isOfBrowser(path) ? await loginOf(this.#dependencies, request) : null);
    const answer = await withRequestState(state, () => this.#route({ provider, request, state, path }));
    if (state.failure !== undefined) throw state.failure;
    // A request that was refused may have changed something: a replayed code ends the grant that it was for.
    if (answer.status >= 500) return answer;
    await countFailure(this.#dependencies, caller, answer);
    try {
      await state.work.commit(this.#dependencies.transact);
    } catch (error) {
      if (error instanceof StateConflict) return conflictAnswer(path, error);
      throw error;
    }
    return answer;
  }

  async #route(exchange: Exchange): Promise<HttpAnswer> {
    const { provider, path, request } = exchange;
    if (isPostedByBrowser(request.method, path)) return sendAsQuery(path, request);
    if (isBelow(path, paths.authorization)) return this.#authorize(exchange);
    const uid = interactionPath.exec(path)?.groups;
    if (uid !== undefined)
      return uid["details"] === undefined
        ? submitInteraction(this.#dependencies, exchange, uid["uid"] as string)
        : interactionDetails(this.#dependencies, exchange, uid["uid"] as string);
    if (isBelow(path, paths.end_session) && path !== `${paths.end_session}/success`) return logout(this.#dependencies, exchange);
    if (path === `${paths.code_verification}/details`) return deviceDetails(this.#dependencies, exchange);
    if (path === paths.code_verification) return submitDevice(this.#dependencies, exchange);
    if (path === paths.token)
      return (await grantClientCredentials(this.#dependencies, request)) ?? (await answerOfLibrary(provider, request));
    if (path === paths.introspection) return introspect(this.#dependencies, exchange);
    if (path === paths.revocation) return revoke(this.#dependencies, exchange);
    if (path === paths.registration) return register(this.#dependencies, request);
    if (path === protectedResourcePath) return protectedResourceMetadata(this.#dependencies.platform.settings.publicUrl);
    return answerOfLibrary(provider, request);
  }

  async #authorize({ provider, ...exchange }: Exchange): Promise<HttpAnswer> {
    const { request, cookies } = await followSession(provider, this.#dependencies, exchange);
    const answer = await answerOfLibrary(provider, request);
    if (cookies.length === 0) return answer;
    return { ...answer, headers: { ...answer.headers, "set-cookie": [...cookies, ...setCookies(answer)] } };
  }
}

const interactionPath = new RegExp(`^${paths.interaction}/(?<uid>[\\w-]+)(?<details>/details)?$`);

const isBelow = (path: string, parent: string): boolean => path === parent || path.startsWith(`${parent}/`);

const browserPaths = [paths.authorization, paths.interaction, paths.code_verification, paths.end_session];

/** Whether requests of a path come from a browser with its cookies. Other clients send credentials of their own. */
const isOfBrowser = (path: string): boolean => path !== paths.device_authorization && browserPaths.some((parent) => isBelow(path, parent));
