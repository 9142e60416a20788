/**
 * What HTTP alone costs: Fastify reads the request and parses its JSON body, and answers with a constant. It sends the
 * bytes of our body with a content type, and none of our other header lines: less work, so the harder reference.
 */
import Fastify from "fastify";
import { portOf, ready, variable } from "./life.ts";

const body = variable("ANSWER_BODY");
const type = variable("ANSWER_TYPE");

const app = Fastify();
app.post(variable("ROUTE"), (_request, reply) => {
  reply.header("content-type", type).send(body);
});
await app.listen({ host: "127.0.0.1", port: 0 });
ready(portOf(app.server.address()), () => app.close());
