import { randomUUID } from "node:crypto";
import type { RedisConnection } from "../redis/client.ts";
import type { Resilience } from "../resilience/resilience.ts";
import { Unavailable } from "../unavailable.ts";
import { signedTexts, type Trust } from "./signed-texts.ts";
import { type Entry, type Reading, type SnapshotCache, sameWatermark, type Watermark } from "./snapshot-cache.ts";

/** `generation number code`. Has no end of its own: where Redis evicts it, nothing is believed until the next write. */
const watermarkKey = "iam:projection:watermark";

/**
 * Stores a value as `generation version expiry code value`, unless one of the same generation and a higher version is there. Versions
 * are larger than Lua's numbers, so they are compared as texts. What is no text counts as absent: a key of another type breaks nothing.
 */
const storing = `
local function text(key)
  local kept = redis.pcall('GET', key)
  return type(kept) == 'string' and kept or ''
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

/** ARGV: the text of the watermark that was seen, the generation and the watermark that follow, then version, seconds and value of each entry. */
const writing = `${storing}
if text(KEYS[1]) ~= ARGV[1] then return 0 end
store(ARGV[2], 4)
redis.call('SET', KEYS[1], ARGV[3])
return 1
`;

/** ARGV: generation and number of the watermark that was seen, the generation, then as above. */
const filling = `${storing}
local generation, number = string.match(text(KEYS[1]), '^(%S+) (%d+) ')
if generation ~= ARGV[1] or number ~= ARGV[2] then return 0 end
store(ARGV[1], 3)
return 1
`;

/** A script as the client takes it: how many of what follows are keys, the keys, then the values. */
type Numbered = (keyCount: number, ...rest: string[]) => Promise<number>;

/** The snapshot reconciler and the projector may move the watermark at the same time; after more conflicts, another program writes it. */
const triesMax = 3;

/** The Redis snapshot, which every process shares. A value that fails its authentication code counts as missing. */
export function redisSnapshotCache({ client, prefix, ping, close }: RedisConnection, resilience: Resilience, trust: Trust): SnapshotCache {
  const commands = defined(client);
  const texts = signedTexts(trust);
  const look = resilience.guard("redis.cache", "cache");
  const tell = resilience.guard("redis.cache.writer", "cache");
  const keysOf = (entries: readonly Entry[]): string[] => [watermarkKey, ...entries.map(({ key }) => key)].map((key) => prefix + key);
  const valuesOf = (entries: readonly Entry[], generation: string): string[] =>
    entries.flatMap((entry) => [String(entry.version), String(entry.ttlSeconds), texts.valueOf(entry, generation)]);
  /** Replaces the watermark by what `next` makes of it; false where `next` makes nothing. */
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
    throw new Unavailable("cache", new Error("another program writes the watermark of the Redis snapshot all the time"));
  };
  return {
    kind: "Redis",
    shared: true,
    async read(keys): Promise<Reading> {
      const [watermarkText, ...values] = await look(() => client.mget([watermarkKey, ...keys].map((key) => prefix + key)));
      const watermark = texts.readWatermark(watermarkText);
      if (watermark === null) return { watermark, entries: keys.map(() => null) };
      const distrusted: string[] = [];
      const entries = keys.map((key, index) => texts.readValue(values[index], key, watermark, () => distrusted.push(key)));
      return distrusted.length === 0 ? { watermark, entries } : { watermark, entries, distrusted };
    },
    async write(entries, { after, to }) {
      let continued = false;
      await tell(() =>
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
      return (await look(() => commands.fill(keys.length, ...keys, generation, String(number), ...valuesOf(entries, generation)))) === 1;
    },
    begin: (number, expected) =>
      tell(() => move([], (seen) => (sameWatermark(seen, expected) ? { generation: randomUUID(), number } : undefined))),
    ping,
    close,
  };
}

function defined(client: RedisConnection["client"]): { readonly write: Numbered; readonly fill: Numbered } {
  const scripts = { gatehouseWrite: writing, gatehouseFill: filling };
  for (const [name, lua] of Object.entries(scripts)) client.defineCommand(name, { lua });
  const known = client as unknown as Record<keyof typeof scripts, Numbered>;
  return { write: (...given) => known.gatehouseWrite(...given), fill: (...given) => known.gatehouseFill(...given) };
}
