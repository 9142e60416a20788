import type { FastifyInstance } from "fastify";

/**
 * Adds `connection: close` to answers while the server closes. A connection that a client keeps open for its next request would
 * otherwise delay the shutdown beyond the grace time. Returns a function that tells whether the server is closing.
 */
export function endConnectionsAtClose(app: FastifyInstance): () => boolean {
  let closing = false;
  app.addHook("preClose", (done) => {
    closing = true;
    done();
  });
  app.addHook("onSend", (_request, reply, payload, done) => {
    if (closing) reply.header("connection", "close");
    done(null, payload);
  });
  return () => closing;
}
