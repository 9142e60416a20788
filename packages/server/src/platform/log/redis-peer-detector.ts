import type { Authenticator, Distrust } from "../keys/authenticator.ts";
import type { RedisConnection } from "../redis/client.ts";
import type { Resilience } from "../resilience/resilience.ts";
import { Unavailable } from "../unavailable.ts";
import type { PeerFailureDetector } from "./database-away.ts";
import type { InvalidationMessage } from "./event.ts";
import { revocationBoundMs } from "./follower.ts";

/** ARGV: how long a report is valid, how long events are retained, then events. Scores are Redis' own milliseconds. */
const reportScript = `
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

/** ARGV: the age limit in milliseconds. Returns whether any process has reported, then the events. */
const queryScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer = redis.call('ZRANGEBYSCORE', KEYS[2], now - ARGV[1], '+inf')
table.insert(answer, 1, tostring(redis.call('EXISTS', KEYS[1])))
return answer
`;

/** How reports are signed and verified (decision 0041). */
export interface PeerDetectorTrust {
  readonly authenticator: Authenticator;
  /** Called for each event that no process of this installation has reported. */
  distrusted(kind: "event", why: Distrust): void;
}

/**
 * Reports of the processes that share a Redis, about one database. Retains events for as long as a process may work without the database.
 * An event with an invalid signature may hide a revocation, so the query rejects and no process works without the database. The report
 * that a process observes the database needs no signature: it only makes others stop. The names of the keys are shared with older
 * versions, which report and query during a rolling update.
 */
export function redisPeerDetector(
  { client, prefix }: RedisConnection,
  resilience: Resilience,
  awaySeconds: number,
  { authenticator, distrusted }: PeerDetectorTrust,
): PeerFailureDetector {
  client.defineCommand("gatehouseReport", { numberOfKeys: 2, lua: reportScript });
  client.defineCommand("gatehouseQueryReports", { numberOfKeys: 2, lua: queryScript });
  const commands = client as unknown as {
    gatehouseReport(...parameters: (string | number)[]): Promise<number>;
    gatehouseQueryReports(...parameters: (string | number)[]): Promise<string[]>;
  };
  const guard = resilience.guard("redis.peer-detector", "peer detector");
  const keys = [`${prefix}iam:log:heard`, `${prefix}iam:log:endings`];
  const retentionMs = awaySeconds * 1_000 + 2 * revocationBoundMs;
  return {
    async report(events) {
      const reported = events.map((event) => {
        const text = JSON.stringify(event);
        return `${authenticator.sign(["event", text])} ${text}`;
      });
      await guard(() => commands.gatehouseReport(...keys, revocationBoundMs, retentionMs, ...reported));
    },
    async query(sinceMs) {
      const [observed, ...reported] = await guard(() => commands.gatehouseQueryReports(...keys, Math.ceil(sinceMs)));
      return { observed: observed !== "0", events: reported.map(read) };
    },
  };

  function read(reported: string): InvalidationMessage {
    const space = reported.indexOf(" ");
    const text = reported.slice(space + 1);
    const why = authenticator.distrust(["event", text], space === -1 ? undefined : reported.slice(0, space));
    if (why === undefined) return JSON.parse(text);
    distrusted("event", why);
    throw new Unavailable("peer detector", new Error(`an event in Redis is not trusted: ${why}`));
  }
}
