/** The cost of NATS only: a responder that answers a constant without reading the request. */
import { connect } from "@nats-io/transport-node";
import { ready, variable } from "./life.ts";

const connection = await connect({ servers: variable("NATS_URL") });
const answer = Buffer.from(variable("ANSWER_BODY"));
connection.subscribe(variable("SUBJECT"), { queue: "constant", callback: (_error, message) => void message.respond(answer) });
await connection.flush();
ready("serving", () => connection.drain());
