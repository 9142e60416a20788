import { setTimeout as pause } from "node:timers/promises";
import { eventually } from "@gatehouse/testing/until.ts";
import { manifests } from "../../packages/server/src/runtime/modules.ts";
import { consumeEverything } from "./support/consumer.ts";
import { Load } from "./support/load.ts";
import { countLog, type Logged } from "./support/log.ts";
import { countsOf, type Scenario } from "./support/stage.ts";

/** Internal events, which are not published to the broker. */
const internal = new Set(manifests.flatMap(({ events }) => events.filter((event) => event.internal).map(({ type }) => type)));

/** The relay continues as soon as the broker is back; its clients' retry delays end within seconds. */
const drainedWithinMs = 60_000;

/** The broker stops while commands continue: the log stores the events, which are published in order afterwards. */
export const rabbitmqScenario: Scenario = {
  name: "RabbitMQ stopped and back",
  guarantee: "Commands continue, and every published event reaches the consumer, in order per subject.",
  async run({ application, schools, form }) {
    const { rabbitmq, postgresql } = application;
    if (rabbitmq === undefined) throw new Error("this build has no broker");
    const consumer = await consumeEverything(rabbitmq.url);
    const before = (await countLog(postgresql.url)).events.length;
    const load = await Load.start(application, schools);
    await pause(1_500);
    await rabbitmq.stop();
    const atStop = load.ledger.acknowledged;
    await pause(form.awayMs);
    const whileAway = load.ledger.acknowledged - atStop;
    await rabbitmq.start();
    await pause(1_000);
    const report = await load.stopAndVerify();
    const logged = (await countLog(postgresql.url)).events.slice(before).filter(({ type }) => !internal.has(type));
    const problems = [...report.problems];
    await eventually(
      () => {
        const arrived = new Set(consumer.received.map(({ id }) => id));
        const missing = logged.filter(({ id }) => !arrived.has(id)).length;
        if (missing > 0) throw new Error(`${missing} events of the log did not reach the consumer`);
      },
      { withinMs: drainedWithinMs },
    ).catch((error: Error) => problems.push(error.message));
    problems.push(...outOfOrder(logged, consumer.received));
    if (whileAway === 0) problems.push("no command was acknowledged while the broker was away");
    await consumer.close();
    return {
      problems,
      "acknowledged while away": whileAway,
      received: consumer.received.length,
      repeated: consumer.repeated,
      ...countsOf(report),
    };
  },
};

/** Subjects whose events first arrived in an order other than the log's. */
function outOfOrder(logged: readonly Logged[], received: readonly { readonly id: string; readonly subject: string }[]): string[] {
  const place = new Map(logged.map(({ id }, index) => [id, index]));
  const last = new Map<string, number>();
  const problems: string[] = [];
  for (const { id, subject } of received) {
    const at = place.get(id);
    if (at === undefined) continue;
    if (at < (last.get(subject) ?? -1)) problems.push(`the events of ${subject} came in another order`);
    last.set(subject, at);
  }
  return problems;
}
