import { inject } from "light-my-request";
import type { Provider } from "oidc-provider";
import { endToEnd, type HttpAnswer, type HttpRequest } from "#operation/transport/http-message.ts";

/** Headers by which a client could name another host, scheme or address than the ones that are true. */
const untrusted = /^(?:x-forwarded-.*|forwarded|x-real-ip|host)$/;

const listeners = new WeakMap<Provider, ReturnType<Provider["callback"]>>();

/**
 * Lets the library answer a request. Its answer is complete before anything of it is sent, so that it can be dropped where its changes cannot be
 * stored. The library builds addresses from the request's host: it gets the issuer's, whatever the request says.
 */
export async function answerOfLibrary(provider: Provider, { method, url, headers, body, origin }: HttpRequest): Promise<HttpAnswer> {
  const { host, protocol } = new URL(provider.issuer);
  const trusted = Object.entries(headers).filter(([name]) => !untrusted.test(name));
  let listener = listeners.get(provider);
  if (listener === undefined) {
    listener = provider.callback();
    listeners.set(provider, listener);
  }
  const answer = await inject(listener as never, {
    method: method as "GET",
    url,
    headers: {
      ...(Object.fromEntries(trusted) as Record<string, string>),
      host,
      "x-forwarded-proto": protocol.slice(0, -1),
      ...(origin.ip === null ? {} : { "x-forwarded-for": origin.ip }),
      // Without a length the library takes an empty form for a body of another type (OpenID Connect Core §5.3.1: the token is in the header).
      ...(method === "POST" && body.byteLength === 0 ? { "content-length": "0" } : {}),
    },
    ...(body.byteLength === 0 ? {} : { payload: Buffer.from(body) }),
  });
  return { status: answer.statusCode, headers: endToEnd(answer.headers), body: answer.rawPayload };
}

/** The Set-Cookie lines of an answer. */
export const setCookies = ({ headers }: HttpAnswer): readonly string[] => [headers["set-cookie"] ?? []].flat();
