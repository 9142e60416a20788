import type { FastifyInstance } from "fastify";

/**
 * Lets go of connections while the server closes: what is answered then says that its connection ends with it. One that a
 * client keeps open for its next request would otherwise hold the end up for longer than the grace time. Returns whether it closes.
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
