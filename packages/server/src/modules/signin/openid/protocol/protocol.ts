import type { Provider } from "oidc-provider";
import type { HttpAnswer, HttpRequest } from "#operation/transport/http-message.ts";
import { followSession, loginOf } from "./browser.ts";
import { conflictAnswer } from "./conflict-answers.ts";
import type { ProtocolDependencies } from "./dependencies.ts";
import { answerOfLibrary, setCookies } from "./library.ts";
import { Providers } from "./provider.ts";
import { RequestState, withRequestState } from "./request-state.ts";
import { paths } from "./routes.ts";
import { StateConflict } from "./unit-of-work.ts";

/** A request with what its answer depends on. */
export interface Exchange {
  readonly provider: Provider;
  readonly request: HttpRequest;
  readonly state: RequestState;
  /** Path without the query. */
  readonly path: string;
}

/** Answers the requests of the protocol. The changes of a request are stored in one transaction before its answer is sent. */
export class Protocol {
  readonly #dependencies: ProtocolDependencies;
  readonly #providers: Providers;

  constructor(dependencies: ProtocolDependencies) {
    this.#dependencies = dependencies;
    this.#providers = new Providers(dependencies);
  }

  async answer(request: HttpRequest): Promise<HttpAnswer> {
    const { platform } = this.#dependencies;
    const provider = await this.#providers.current();
    const path = request.url.split("?", 1)[0] as string;
    const state = new RequestState(request.origin, isOfBrowser(path) ? await loginOf(this.#dependencies, request) : null);
    const answer = await withRequestState(state, () => this.#route({ provider, request, state, path }));
    if (state.failure !== undefined) throw state.failure;
    // A request that was refused may have changed something: a replayed code ends the grant that it was for.
    if (answer.status >= 500) return answer;
    try {
      await state.work.commit(platform.database, new Date(platform.clock.now()));
    } catch (error) {
      if (error instanceof StateConflict) return conflictAnswer(path, error);
      throw error;
    }
    return answer;
  }

  async #route(exchange: Exchange): Promise<HttpAnswer> {
    const { provider, path, request } = exchange;
    if (path.startsWith(paths.authorization)) return this.#authorize(exchange);
    return answerOfLibrary(provider, request);
  }

  async #authorize({ provider, ...exchange }: Exchange): Promise<HttpAnswer> {
    const { request, cookies } = await followSession(provider, this.#dependencies, exchange);
    const answer = await answerOfLibrary(provider, request);
    if (cookies.length === 0) return answer;
    return { ...answer, headers: { ...answer.headers, "set-cookie": [...cookies, ...setCookies(answer)] } };
  }
}

const browserPaths = [paths.authorization, paths.interaction, paths.code_verification, paths.end_session];

/** Whether requests of a path come from a browser with its cookies. Other clients send credentials of their own. */
const isOfBrowser = (path: string): boolean =>
  path !== paths.device_authorization && browserPaths.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
