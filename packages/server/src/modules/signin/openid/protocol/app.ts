import type { IncomingMessage, ServerResponse } from "node:http";
import { OperationError, PayloadTooLarge } from "#operation/declaration/errors.ts";
import type { HttpApp, HttpAppProcess, OpenHttpApp } from "#operation/declaration/http-app.ts";
import { httpAppBodyBytesMax } from "#operation/declaration/http-app.ts";
import { endToEnd, type HttpAnswer } from "#operation/transport/http-message.ts";
import type { OpenidState } from "../module.ts";
import type { ProtocolDependencies } from "./dependencies.ts";
import { interactionErrors } from "./errors.ts";
import { Protocol } from "./protocol.ts";
import { routes } from "./routes.ts";

/** OAuth 2 and OpenID Connect (docs/security/openid.md). */
export const openidApp: HttpApp = { name: "openid", routes, errors: interactionErrors, open };

function open({ platform, state, uses, cached, transact, dispatch, authenticate }: HttpAppProcess): OpenHttpApp {
  const { clients, accounts, fetch }: OpenidState = state;
  const dependencies: ProtocolDependencies = { platform, clients, accounts, fetch, uses, cached, transact, dispatch, authenticate };
  clients.start(uses);
  accounts.start(uses);
  const protocol = new Protocol(dependencies);
  return {
    async handle(request, response, { ip, userAgent, requestId, traceId }) {
      const body = await bodyOf(request);
      const { method = "GET", url = "/", headers } = request;
      write(
        response,
        await protocol.answer({ method, url, headers: endToEnd(headers), body, origin: { ip, userAgent, requestId, traceId } }),
      );
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > httpAppBodyBytesMax) throw new OperationError(PayloadTooLarge);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function write(response: ServerResponse, { status, headers, body }: HttpAnswer): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value as string | string[]);
  response.setHeader("content-length", body.byteLength);
  response.statusCode = status;
  response.end(body);
}
