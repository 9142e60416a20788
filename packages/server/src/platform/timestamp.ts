import { IsDateTime } from "typebox/format";

const dayMs = 24 * 3_600_000;
/** RFC 3339 with an offset and nine fraction digits has 35 characters; the rest is for a time zone in brackets. */
const lengthMax = 100;
/**
 * Four-digit years. PGlite's client reads a year with leading zeros as another one (0050 as 1950), PostgreSQL has no
 * year 0, and JavaScript prefixes years from 10000 on with a sign.
 */
const earliestMs = Date.parse("1000-01-01T00:00:00.000Z");
const latestMs = Date.parse("9999-12-31T23:59:59.999Z");
/** Offset of the seconds in `2016-12-31T23:59:60Z`. */
const secondsAt = 17;

/**
 * Parses an untrusted timestamp: RFC 3339, with an optional RFC 9557 suffix as Java and Temporal write it. Returns
 * ISO 8601 in UTC with milliseconds, or undefined if it is invalid or out of range. Guarantees that `new Date()` and
 * PostgreSQL can read the result.
 *
 * - The offset determines the instant. An elective suffix is dropped, as RFC 9557 allows; a critical one (`[!…]`)
 *   is rejected.
 * - A leap second is read as the next second, as in PostgreSQL and POSIX, and only at the end of a month in UTC
 *   (RFC 3339, 5.7).
 * - Fractions are truncated to milliseconds.
 */
export function readTimestamp(text: string): string | undefined {
  if (text.length > lengthMax || !IsDateTime(text) || text.includes("[!")) return undefined;
  const [plain = ""] = text.toUpperCase().split("[");
  const isLeapSecond = plain.startsWith("60", secondsAt);
  const counted = isLeapSecond ? `${plain.slice(0, secondsAt)}59${plain.slice(secondsAt + 2)}` : plain;
  const time = Date.parse(counted) + (isLeapSecond ? 1_000 : 0);
  if (!(time >= earliestMs && time <= latestMs)) return undefined;
  const moment = new Date(time);
  if (isLeapSecond && moment.getUTCDate() !== 1) return undefined;
  return moment.toISOString();
}

/** A date without a time (RFC 3339 `full-date`). */
const day = /^\d{4}-\d{2}-\d{2}$/;

/**
 * Parses a bound of a time range: a timestamp as {@link readTimestamp} takes it, or a date, which means the whole day in UTC. The `start`
 * of a date is its midnight; its `end`, which is exclusive, is the next midnight.
 */
export function readTimeBound(text: string, bound: "start" | "end"): string | undefined {
  if (!day.test(text)) return readTimestamp(text);
  const midnight = readTimestamp(`${text}T00:00:00Z`);
  if (midnight === undefined || bound === "start") return midnight;
  return new Date(Math.min(Date.parse(midnight) + dayMs, latestMs)).toISOString();
}
