const iso = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/;

/** Converts a time to milliseconds since 1970: ISO 8601 with a zone (a date alone is midnight UTC), or milliseconds. NaN for anything else. */
export function timeOf(value: unknown): number {
  if (typeof value === "number") return Number.isFinite(value) ? value : Number.NaN;
  if (typeof value !== "string" || !iso.test(value)) return Number.NaN;
  const time = Date.parse(value);
  // 30 February would become 2 March.
  return Number.isNaN(time) || new Date(Date.parse(`${value.slice(0, 10)}T00:00:00Z`)).toISOString().slice(0, 10) !== value.slice(0, 10)
    ? Number.NaN
    : time;
}

export const weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export type Weekday = (typeof weekdays)[number];

export interface CalendarMoment {
  readonly weekday: Weekday;
  /** Minutes since midnight. */
  readonly minute: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();
/** Cached formats; each takes about 100 KB. A zone has many notations, of which products use a few. */
const formatsMax = 50;

/** The format of a time zone. Throws RangeError for a zone that is not in the IANA database. */
export function calendarOf(time: number, zone: string): CalendarMoment {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-GB", { timeZone: zone, weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    if (formats.size >= formatsMax) formats.delete(formats.keys().next().value as string);
    formats.set(zone, format);
  }
  const parts = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, value]));
  return {
    weekday: (parts["weekday"] as string).toLowerCase() as Weekday,
    minute: Number(parts["hour"]) * 60 + Number(parts["minute"]),
  };
}

export function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en-GB", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** Minutes since midnight of `HH:MM`, `24:00` included; undefined for anything else. */
export function minuteOf(text: unknown): number | undefined {
  const match = typeof text === "string" ? /^([01]\d|2[0-3]):([0-5]\d)$|^24:00$/.exec(text) : null;
  if (!match) return undefined;
  return match[1] === undefined ? 1_440 : Number(match[1]) * 60 + Number(match[2]);
}
