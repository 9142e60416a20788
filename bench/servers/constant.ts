/**
 * The cost of HTTP only: Fastify reads the request, parses its JSON body, and answers with a constant. It sends the bytes of the product's
 * body with a content type, without the product's other headers: less work, so a harder reference.
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
