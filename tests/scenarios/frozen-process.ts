import { setTimeout as pause } from "node:timers/promises";
import { Load } from "./support/load.ts";
import { speedOf } from "./support/report.ts";
import { countsOf, type Scenario } from "./support/stage.ts";
import { unique } from "./support/world.ts";

/** Longer than the fifteen seconds that the gateway waits for a command, so that requests in the process have expired. */
const frozenMs = 18_000;
/** Concurrent commands, so that some of them wait in the frozen process. */
const abandoned = 8;
/** The waiting messages are read at once. */
const thawedMs = 2_000;

/** A command process is frozen for longer than any client waits, and continues. */
export const frozenProcessScenario: Scenario = {
  name: "a process frozen and thawed",
  guarantee: "Requests that expired while a process was frozen are not executed afterwards: no old write follows a newer one.",
  async run({ application, schools }) {
    const { http, fleet } = application;
    const load = await Load.start(application, schools);
    const { token } = (schools[0] as (typeof schools)[number]).owner;
    const route = "/api/v1/iam/users/me";
    const rename = (lastName: string) => http.call(`PUT ${route}`, { token, body: { lastName } });
    await pause(1_000);
    const [member] = fleet.of("command");
    member?.child.freeze();
    const thaw = pause(frozenMs).then(() => member?.child.thaw());
    const early = await Promise.all(Array.from({ length: abandoned }, () => rename(`Early ${unique()}`)));
    const last = `Last ${unique()}`;
    await http.must(200, `PUT ${route}`, { token, body: { lastName: last } }, 60_000);
    await thaw;
    await pause(thawedMs);
    const { body } = await http.must(200, `GET ${route}`, { token });
    const speed = speedOf(load.seen);
    const report = await load.stopAndVerify();
    const givenUp = early.filter(({ status }) => status !== 200).length;
    const problems = [...report.problems];
    if (body.lastName !== last) problems.push(`${last} was acknowledged last, and the name is ${body.lastName}`);
    return { problems, "given up": givenUp, ...speed, ...countsOf(report) };
  },
};
