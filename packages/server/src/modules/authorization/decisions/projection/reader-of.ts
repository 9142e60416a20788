import type { Platform } from "#platform/platform.ts";
import { ProjectionSource } from "./projection-source.ts";
import { DecisionReader } from "./reader.ts";
import { answerCacheChecks } from "./report-cached.ts";

const readers = new WeakMap<Platform, DecisionReader>();

/** The one reader of a process: every module that decides shares its caches. */
export function readerOf(platform: Platform): DecisionReader {
  const known = readers.get(platform);
  if (known !== undefined) return known;
  const reader = new DecisionReader(platform, new ProjectionSource(platform));
  answerCacheChecks(platform, () => reader.compareCached());
  readers.set(platform, reader);
  return reader;
}
