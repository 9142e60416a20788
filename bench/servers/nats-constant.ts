/** What NATS alone costs: a responder that answers a constant. It does not even read the request. */
import { connect } from "@nats-io/transport-node";
import { ready, variable } from "./life.ts";

const connection = await connect({ servers: variable("NATS_URL") });
const answer = Buffer.from(variable("ANSWER_BODY"));
connection.subscribe(variable("SUBJECT"), { queue: "constant", callback: (_error, message) => void message.respond(answer) });
await connection.flush();
ready("serving", () => connection.drain());
