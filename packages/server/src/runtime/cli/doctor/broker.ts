import { brokerConsumers } from "#modules/insight/operations/index.ts";
import type { Broker } from "#platform/broker/broker.ts";
import { ownExchange } from "#platform/broker/relay.ts";
import { openEventBroker, openLogger } from "../../ports.ts";
import { causeOf } from "../cause.ts";
import { bad, type Check, type Finding, good } from "./check.ts";

/** Whether the broker of EVENTS_URL accepts the product's login, and whether its existing topology fits. */
export const checkBroker: Check = async (configuration) => {
  const { eventsUrl } = configuration;
  if (eventsUrl === undefined) return [];
  let broker: Broker | undefined;
  try {
    broker = await openEventBroker(eventsUrl, configuration, openLogger({ ...configuration, logLevel: "silent" }));
    await broker.ping();
    const refused = await broker.inspect({ exchanges: [ownExchange], consumers: brokerConsumers });
    return [good("the events' broker answers"), ...refused.map((reason): Finding => refuses(reason))];
  } catch (error) {
    const refusal = broker?.refusal();
    return [refusal === undefined ? bad(`the events' broker does not answer (EVENTS_URL): ${causeOf(error as Error)}`) : refuses(refusal)];
  } finally {
    await broker?.close();
  }
};

const refuses = (reason: string): Finding => bad(`the events' broker refuses (EVENTS_URL): ${reason}`);
