import type { Authenticator, Distrust } from "../keys/authenticator.ts";
import type { RedisConnection } from "../redis/client.ts";
import type { Resilience } from "../resilience/resilience.ts";
import { Unavailable } from "../unavailable.ts";
import type { Witness } from "./database-away.ts";
import type { ToldEvent } from "./event.ts";
import { revocationBoundMs } from "./follower.ts";

/** ARGV: how long a report counts, how long events are kept, then events. Scores are Redis' own milliseconds. */
const telling = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
for index = 3, #ARGV do redis.call('ZADD', KEYS[2], 'NX', now, ARGV[index]) end
if #ARGV > 2 then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
return 1
`;

/** ARGV: of the last how many milliseconds. Answers whether anybody has reported, then the events. */
const asking = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer = redis.call('ZRANGEBYSCORE', KEYS[2], now - ARGV[1], '+inf')
table.insert(answer, 1, tostring(redis.call('EXISTS', KEYS[1])))
return answer
`;

/** What the reports are kept with (decision 0041). */
export interface WitnessTrust {
  readonly authenticator: Authenticator;
  /** Told of each event that no process of this installation has reported. */
  distrusted(kind: "event", why: Distrust): void;
}

/**
 * Processes that share a Redis, about one database. Keeps events for as long as a process may go without that. An event that fails its
 * code hides what it was, so the question then rejects and nobody goes on without the database. That some process hears the database is
 * believed without a code: it only ever makes others refuse.
 */
export function redisWitness(
  { client, prefix }: RedisConnection,
  resilience: Resilience,
  awaySeconds: number,
  { authenticator, distrusted }: WitnessTrust,
): Witness {
  client.defineCommand("gatehouseTell", { numberOfKeys: 2, lua: telling });
  client.defineCommand("gatehouseAsk", { numberOfKeys: 2, lua: asking });
  const commands = client as unknown as {
    gatehouseTell(...given: (string | number)[]): Promise<number>;
    gatehouseAsk(...given: (string | number)[]): Promise<string[]>;
  };
  const guard = resilience.guard("redis.witness", "witness");
  const keys = [`${prefix}iam:log:heard`, `${prefix}iam:log:endings`];
  const keptMs = awaySeconds * 1_000 + 2 * revocationBoundMs;
  return {
    async tell(events) {
      const told = events.map((event) => {
        const text = JSON.stringify(event);
        return `${authenticator.sign(["event", text])} ${text}`;
      });
      await guard(() => commands.gatehouseTell(...keys, revocationBoundMs, keptMs, ...told));
    },
    async ask(sinceMs) {
      const [heard, ...told] = await guard(() => commands.gatehouseAsk(...keys, Math.ceil(sinceMs)));
      return { heard: heard !== "0", events: told.map(read) };
    },
  };

  function read(told: string): ToldEvent {
    const space = told.indexOf(" ");
    const text = told.slice(space + 1);
    const why = authenticator.distrust(["event", text], space === -1 ? undefined : told.slice(0, space));
    if (why === undefined) return JSON.parse(text);
    distrusted("event", why);
    throw new Unavailable("witness", new Error(`an event in Redis is not trusted: ${why}`));
  }
}
