/** Deprecates an operation or an event. Everything that callers are told comes from this. */
export interface Deprecation {
  /** The day from which on nothing new should be built on it: `2026-12-01`, from midnight UTC. */
  readonly since: string;
  /** The first day on which it may be gone. It is served until then, and until the release that takes it out. */
  readonly sunset: string;
  /** What takes its place: an operation's name, or an event's type. */
  readonly replacedBy?: string;
  /** What to do instead, one sentence. */
  readonly instead: string;
}

/**
 * How long what is deprecated and what replaces it stand side by side. The policy is the previous major version and notice
 * before it goes, and names no time: half a year holds two quarterly releases of a client (decision 0026).
 */
export const overlapDays = 180;

const dayMs = 24 * 60 * 60 * 1_000;

/** Midnight UTC of a day as the declarations write it; NaN where it is none. */
export function startOf(day: string): number {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
  // The 31st of February would be read as the 3rd of March.
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(day) ? time : Number.NaN;
}

export const daysBetween = (from: string, to: string): number => (startOf(to) - startOf(from)) / dayMs;

/** What is wrong with a deprecation by itself. */
export function problemsOfDates({ since, sunset, instead }: Deprecation): readonly string[] {
  const unread = [since, sunset].filter((day) => Number.isNaN(startOf(day)));
  if (unread.length > 0) return unread.map((day) => `is deprecated with ${JSON.stringify(day)}, which is no day like 2026-12-01`);
  const days = daysBetween(since, sunset);
  const problems: string[] = [];
  if (days < 0) problems.push(`goes on ${sunset}, before it is deprecated (${since})`);
  else if (days < overlapDays) problems.push(`goes ${days} days after it is deprecated; ${overlapDays} is the least`);
  if (instead.trim() === "") problems.push("is deprecated and does not say what to do instead");
  return problems;
}

/** RFC 9745: a date as structured fields write it (RFC 9651 §3.3.7). */
export const deprecationField = ({ since }: Deprecation): string => `@${startOf(since) / 1_000}`;

/** RFC 8594: a date as HTTP writes it. */
export const sunsetField = ({ sunset }: Deprecation): string => new Date(startOf(sunset)).toUTCString();

/** For people: the API's description, the reference. `successor` is how the reader finds what takes its place. */
export function describeDeprecation({ since, sunset, instead }: Deprecation, successor?: string): string {
  const replaced = successor === undefined ? "" : ` Replaced by ${successor}.`;
  return `**Deprecated** since ${since}; may be gone from ${sunset} on. ${instead}${replaced}`;
}
