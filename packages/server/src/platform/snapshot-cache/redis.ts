import { randomUUID } from "node:crypto";
import type { RedisConnection } from "../redis/client.ts";
import type { Resilience } from "../resilience/resilience.ts";
import { Unavailable } from "../unavailable.ts";
import { signedTexts, type Trust } from "./signed-texts.ts";
import { type Entry, type Reading, type SnapshotCache, sameWatermark, type Watermark } from "./snapshot-cache.ts";

/** `generation number code`. It does not expire; if Redis evicts it, no value is trusted until the next write. */
const watermarkKey = "iam:projection:watermark";

/**
 * Stores a value as `generation version expiry code value`, unless one of the same generation with a higher version exists. Versions
 * exceed Lua's numbers, so they are compared as texts. A key of another type counts as absent.
 */
const storing = `
local function text(key)
  local stored = redis.pcall('GET', key)
  return type(stored) == 'string' and stored or ''
end
local function higher(one, other)
  if #one ~= #other then return #one > #other end
  return one > other
end
local function store(generation, first)
  for index = 2, #KEYS do
    local at = first + (index - 2) * 3
    local version, seconds, value = ARGV[at], ARGV[at + 1], ARGV[at + 2]
    local of, versionOf = string.match(text(KEYS[index]), '^(%S+) (%d+) ')
    if not (of == generation and higher(versionOf, version)) then
      redis.call('SET', KEYS[index], generation .. ' ' .. version .. ' ' .. value, 'EX', seconds)
    end
  end
end
`;

/** ARGV: the text of the expected watermark, the new generation and watermark, then version, seconds and value of each entry. */
const writing = `${storing}
if text(KEYS[1]) ~= ARGV[1] then return 0 end
store(ARGV[2], 4)
redis.call('SET', KEYS[1], ARGV[3])
return 1
`;

/** ARGV: generation and number of the expected watermark, then version, seconds and value of each entry. */
const filling = `${storing}
local generation, number = string.match(text(KEYS[1]), '^(%S+) (%d+) ')
if generation ~= ARGV[1] or number ~= ARGV[2] then return 0 end
store(ARGV[1], 3)
return 1
`;

/** A script in the client's form: the number of keys, the keys, then the values. */
type Numbered = (keyCount: number, ...rest: string[]) => Promise<number>;

/** The snapshot reconciler and the projector may move the watermark concurrently; more conflicts mean that another program writes it. */
const triesMax = 3;

/** The Redis snapshot, which every process shares. A value that fails its authentication code counts as missing. */
export function redisSnapshotCache({ client, prefix, ping, close }: RedisConnection, resilience: Resilience, trust: Trust): SnapshotCache {
  const commands = defined(client);
  const texts = signedTexts(trust);
  const read = resilience.guard("redis.cache", "cache");
  const write = resilience.guard("redis.cache.writer", "cache");
  const keysOf = (entries: readonly Entry[]): string[] => [watermarkKey, ...entries.map(({ key }) => key)].map((key) => prefix + key);
  const valuesOf = (entries: readonly Entry[], generation: string): string[] =>
    entries.flatMap((entry) => [String(entry.version), String(entry.ttlSeconds), texts.valueOf(entry, generation)]);
  /** Replaces the watermark by the result of `next`; false if `next` returns undefined. */
  const move = async (entries: readonly Entry[], next: (seen: Watermark | null) => Watermark | undefined): Promise<boolean> => {
    const keys = keysOf(entries);
    for (let tries = 0; tries < triesMax; tries += 1) {
      const [seen] = await client.mget([prefix + watermarkKey]);
      const watermark = next(texts.readWatermark(seen));
      if (watermark === undefined) return false;
      const values = valuesOf(entries, watermark.generation);
      if ((await commands.write(keys.length, ...keys, seen ?? "", watermark.generation, texts.watermarkOf(watermark), ...values)) === 1)
        return true;
    }
    throw new Unavailable("cache", new Error("another program keeps writing the watermark of the Redis snapshot"));
  };
  return {
    kind: "Redis",
    shared: true,
    async read(keys): Promise<Reading> {
      const [watermarkText, ...values] = await read(() => client.mget([watermarkKey, ...keys].map((key) => prefix + key)));
      const watermark = texts.readWatermark(watermarkText);
      if (watermark === null) return { watermark, entries: keys.map(() => null) };
      const distrusted: string[] = [];
      const entries = keys.map((key, index) => texts.readValue(values[index], key, watermark, () => distrusted.push(key)));
      return distrusted.length === 0 ? { watermark, entries } : { watermark, entries, distrusted };
    },
    async write(entries, { after, to }) {
      let continued = false;
      await write(() =>
        move(entries, (seen) => {
          continued = seen?.number === after;
          return { generation: continued ? (seen as Watermark).generation : randomUUID(), number: to };
        }),
      );
      return continued;
    },
    async fill(entries, seen) {
      const keys = keysOf(entries);
      const { generation, number } = seen;
      return (await read(() => commands.fill(keys.length, ...keys, generation, String(number), ...valuesOf(entries, generation)))) === 1;
    },
    begin: (number, expected) =>
      write(() => move([], (seen) => (sameWatermark(seen, expected) ? { generation: randomUUID(), number } : undefined))),
    ping,
    close,
  };
}

function defined(client: RedisConnection["client"]): { readonly write: Numbered; readonly fill: Numbered } {
  const scripts = { gatehouseWrite: writing, gatehouseFill: filling };
  for (const [name, lua] of Object.entries(scripts)) client.defineCommand(name, { lua });
  const known = client as unknown as Record<keyof typeof scripts, Numbered>;
  return { write: (...parameters) => known.gatehouseWrite(...parameters), fill: (...parameters) => known.gatehouseFill(...parameters) };
}
