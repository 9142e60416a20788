/** What the three servers of these examples share: a table of routes on Node's HTTP server, and nothing else. */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

/**
 * @typedef {import("node:http").IncomingMessage} Request
 * @typedef {import("node:http").ServerResponse} Response
 * @typedef {(request: Request, response: Response, url: URL) => unknown} Handler
 */

/** A refusal that the caller is told. Everything else that is thrown is a 500 without a reason. */
export class Refusal extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} message
   * @param {Readonly<Record<string, string>>} [headers]
   */
  constructor(status, code, message, headers = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/**
 * Serves routes such as `GET /orders` on loopback.
 *
 * @param {string} address
 * @param {Readonly<Record<string, Handler>>} routes
 * @param {(response: Response, refusal: Refusal) => void} refuse
 */
export function serve(address, routes, refuse) {
  const { port } = new URL(address);
  const server = createServer(async (request, response) => {
    try {
      const url = new URL(request.url ?? "/", address);
      const handler = routes[`${request.method} ${url.pathname}`];
      if (handler === undefined) throw new Refusal(404, "not_found", "There is nothing at this address.");
      await handler(request, response, url);
    } catch (error) {
      if (!(error instanceof Refusal)) console.error(error);
      refuse(response, error instanceof Refusal ? error : new Refusal(500, "internal", "The request failed."));
    }
  });
  server.listen(Number(port), "127.0.0.1", () => console.log(`Listening on ${address}`));
  process.on("SIGTERM", () => process.exit(0));
}

/**
 * @param {Response} response
 * @param {object} body
 * @param {number} [status]
 */
export function sendJson(response, body, status = 200) {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
}

/**
 * @param {Response} response
 * @param {URL} file
 * @param {string} type
 */
export async function sendFile(response, file, type) {
  const content = await readFile(file);
  response.writeHead(200, { "content-type": `${type}; charset=utf-8`, "x-content-type-options": "nosniff", "cache-control": "no-cache" });
  response.end(content);
}

/** A form has a few hundred bytes. */
const bodyBytesMax = 16_384;

/** @param {Request} request */
export async function readForm(request) {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
    if (text.length > bodyBytesMax) throw new Refusal(413, "too_large", "The body is too large.");
  }
  return new URLSearchParams(text);
}
