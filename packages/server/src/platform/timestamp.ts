import { IsDateTime } from "typebox/format";

const dayMs = 24 * 3_600_000;
/** RFC 3339 with an offset and nine digits of a fraction has 35 characters; the rest is for a zone in brackets. */
const lengthMax = 100;
/**
 * The years of four digits. PGlite's client reads a year with leading zeros as another one (0050 as 1950), PostgreSQL has no
 * year 0, and JavaScript writes years from 10000 on with a sign.
 */
const earliestMs = Date.parse("1000-01-01T00:00:00.000Z");
const latestMs = Date.parse("9999-12-31T23:59:59.999Z");
/** Where the seconds stand in `2016-12-31T23:59:60Z`. */
const secondsAt = 17;

/**
 * Reads a time from outside: RFC 3339, with an optional RFC 9557 suffix as Java and Temporal write it. Returns it as
 * ISO 8601 in UTC with milliseconds, or undefined when it is no time or cannot be held. Guarantees that `new Date()` and
 * PostgreSQL read what it returns.
 *
 * - The offset decides the instant. A suffix is dropped, as RFC 9557 allows for elective ones; a critical one (`[!…]`)
 *   asks for more than that and is refused.
 * - A leap second is the first second after it, as PostgreSQL and POSIX count, and only at the end of a month in UTC
 *   (RFC 3339, 5.7).
 * - Finer fractions than milliseconds are cut.
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

/** A day alone (ISO 8601, RFC 3339 `full-date`). */
const day = /^\d{4}-\d{2}-\d{2}$/;

/**
 * Reads a bound of a range of times: what {@link readTimestamp} takes, or a day, which stands for the whole of it in UTC. So the `start` of
 * a day is its midnight, and its `end`, which is not in the range any more, the midnight after.
 */
export function readTimeBound(text: string, bound: "start" | "end"): string | undefined {
  if (!day.test(text)) return readTimestamp(text);
  const midnight = readTimestamp(`${text}T00:00:00Z`);
  if (midnight === undefined || bound === "start") return midnight;
  return new Date(Math.min(Date.parse(midnight) + dayMs, latestMs)).toISOString();
}
