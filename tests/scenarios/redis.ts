import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { Load } from "./support/load.ts";
import { speedOf } from "./support/report.ts";
import { countsOf, type Scenario } from "./support/stage.ts";

/** Redis is stopped, starts empty, and is flushed once more, while permissions are granted and revoked. */
export const redisScenario: Scenario = {
  name: "Redis stopped, flushed and back",
  guarantee: "A revoked permission is refused in every phase within the bound, and a possibly stale snapshot is never used.",
  async run({ application, schools, form }) {
    const { redis, fleet } = application;
    if (redis === undefined) throw new Error("this build has no shared copy");
    const load = await Load.start(application, schools);
    await pause(1_500);
    await redis.stop();
    await pause(form.awayMs);
    await redis.start();
    await pause(form.awayMs / 2);
    await flush(redis.url);
    await pause(form.awayMs / 2);
    redis.freeze();
    await pause(form.awayMs / 2);
    redis.thaw();
    const began = performance.now();
    await fleet.allReady();
    const recoveredMs = Math.round(performance.now() - began);
    await pause(1_000);
    const speed = speedOf(load.seen);
    const report = await load.stopAndVerify();
    return { problems: report.problems, recoveredMs, ...speed, ...countsOf(report) };
  },
};

function flush(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) }, () => void socket.write("FLUSHALL\r\n"));
    socket.once("error", reject);
    socket.once("data", () => {
      socket.destroy();
      resolve();
    });
  });
}
