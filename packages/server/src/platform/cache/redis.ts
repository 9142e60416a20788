import { randomUUID } from "node:crypto";
import type { RedisConnection } from "../redis/client.ts";
import type { Resilience } from "../resilience/resilience.ts";
import type { Cache, Cached, Entry, Mark, Reading } from "./cache.ts";

/** `generation number`. Has no end of its own: where Redis evicts it, nothing is believed until the next write. */
const markName = "iam:read-model:mark";

/**
 * Stores a value as `generation version value`, unless one of the same generation and a higher version is there. Versions are larger
 * than Lua's numbers, so they are compared as texts.
 */
const storing = `
local function higher(one, other)
  if #one ~= #other then return #one > #other end
  return one > other
end
local function store(generation, first)
  for index = 2, #KEYS do
    local at = first + (index - 2) * 3
    local version, seconds, value = ARGV[at], ARGV[at + 1], ARGV[at + 2]
    local kept = redis.call('GET', KEYS[index])
    local of, versionOf
    if kept then of, versionOf = string.match(kept, '^(%S+) (%d+) ') end
    if not (of == generation and higher(versionOf, version)) then
      redis.call('SET', KEYS[index], generation .. ' ' .. version .. ' ' .. value, 'EX', seconds)
    end
  end
end
`;

/** ARGV: after, to, name of a generation that may have to begin, then version, seconds and value of each entry. */
const writing = `${storing}
local mark = redis.call('GET', KEYS[1])
local generation, number
if mark then generation, number = string.match(mark, '^(%S+) (%d+)$') end
local continued = number == ARGV[1]
if not continued then generation = ARGV[3] end
store(generation, 4)
redis.call('SET', KEYS[1], generation .. ' ' .. ARGV[2])
return continued and 1 or 0
`;

/** ARGV: the mark that was seen, its generation, then as above. */
const filling = `${storing}
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
store(ARGV[2], 3)
return 1
`;

/** ARGV: the mark that was seen, or nothing, and the one that begins. */
const beginning = `
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
`;

/** A script as the client takes it: how many of what follows are keys, the keys, then the values. */
type Numbered = (keyCount: number, ...rest: string[]) => Promise<number>;

/** The copy in Redis, which every process shares. Keys are those of S3 §6.2. */
export function redisCache({ client, prefix, ping, close }: RedisConnection, resilience: Resilience): Cache {
  const commands = defined(client);
  const look = resilience.guard("redis.cache", "cache");
  const tell = resilience.guard("redis.cache.writer", "cache");
  const keysOf = (entries: readonly Entry[]): string[] => [markName, ...entries.map(({ key }) => key)].map((key) => prefix + key);
  const valuesOf = (entries: readonly Entry[]): string[] =>
    entries.flatMap(({ version, ttlSeconds, value }) => [String(version), String(ttlSeconds), value]);
  return {
    kind: "Redis",
    shared: true,
    async read(keys): Promise<Reading> {
      const [markText, ...values] = await look(() => client.mget([markName, ...keys].map((key) => prefix + key)));
      const mark = parseMark(markText);
      return { mark, entries: keys.map((_key, index) => (mark ? parseValue(values[index], mark) : null)) };
    },
    async write(entries, { after, to }) {
      const keys = keysOf(entries);
      return (await tell(() => commands.write(keys.length, ...keys, String(after), String(to), randomUUID(), ...valuesOf(entries)))) === 1;
    },
    async fill(entries, seen) {
      const keys = keysOf(entries);
      return (await look(() => commands.fill(keys.length, ...keys, textOf(seen), seen.generation, ...valuesOf(entries)))) === 1;
    },
    async begin(number, seen) {
      const begun = textOf({ generation: randomUUID(), number });
      return (await tell(() => commands.begin(1, prefix + markName, seen ? textOf(seen) : "", begun))) === 1;
    },
    ping,
    close,
  };
}

function defined(client: RedisConnection["client"]): { readonly write: Numbered; readonly fill: Numbered; readonly begin: Numbered } {
  const scripts = { gatehouseWrite: writing, gatehouseFill: filling, gatehouseBegin: beginning };
  for (const [name, lua] of Object.entries(scripts)) client.defineCommand(name, { lua });
  const known = client as unknown as Record<keyof typeof scripts, Numbered>;
  return {
    write: (...given) => known.gatehouseWrite(...given),
    fill: (...given) => known.gatehouseFill(...given),
    begin: (...given) => known.gatehouseBegin(...given),
  };
}

const textOf = ({ generation, number }: Mark): string => `${generation} ${number}`;

function parseMark(text: string | null | undefined): Mark | null {
  const [, generation, number] = /^(\S+) (\d+)$/.exec(text ?? "") ?? [];
  return generation === undefined ? null : { generation, number: Number(number) };
}

/** Null also for a value of another generation than the mark's: it is dead. */
function parseValue(text: string | null | undefined, { generation }: Mark): Cached | null {
  if (typeof text !== "string" || !text.startsWith(`${generation} `)) return null;
  const space = text.indexOf(" ", generation.length + 1);
  const version = text.slice(generation.length + 1, space);
  return /^\d+$/.test(version) ? { value: text.slice(space + 1), version: BigInt(version) } : null;
}
