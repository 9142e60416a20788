import type { Platform } from "#platform/platform.ts";
import { ProjectionSource } from "./projection-source.ts";
import { DecisionReader } from "./reader.ts";
import { answerCacheChecks } from "./report-cached.ts";

const readers = new WeakMap<Platform, DecisionReader>();

/** The reader of the process. All modules that decide share its caches. */
export function readerOf(platform: Platform): DecisionReader {
  const known = readers.get(platform);
  if (known !== undefined) return known;
  const reader = new DecisionReader(platform, new ProjectionSource(platform));
  answerCacheChecks(platform, () => reader.compareCached());
  readers.set(platform, reader);
  return reader;
}
