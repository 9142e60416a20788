/** Deprecates an operation or an event. Headers, descriptions and metrics are derived from it. */
export interface Deprecation {
  /** The day of the deprecation: `2026-12-01`, from midnight UTC. New clients should not use it. */
  readonly since: string;
  /** The first day on which it may be removed. It is served until then, and until the release that removes it. */
  readonly sunset: string;
  /** The replacement: an operation's name, or an event's type. */
  readonly replacedBy?: string;
  /** What to do instead, one sentence. */
  readonly instead: string;
}

/**
 * The least number of days in which the deprecated version and its replacement are both served. Half a year covers two quarterly
 * releases of a client (decision 0026).
 */
export const overlapDays = 180;

const dayMs = 24 * 60 * 60 * 1_000;

/** Midnight UTC of a declared day; NaN where the text is no day. */
export function startOf(day: string): number {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
  // Date.parse reads the 31st of February as the 3rd of March.
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(day) ? time : Number.NaN;
}

export const daysBetween = (from: string, to: string): number => (startOf(to) - startOf(from)) / dayMs;

/** The issues of a deprecation on its own. */
export function issuesOfDates({ since, sunset, instead }: Deprecation): readonly string[] {
  const unread = [since, sunset].filter((day) => Number.isNaN(startOf(day)));
  if (unread.length > 0) return unread.map((day) => `is deprecated with ${JSON.stringify(day)}, which is no day like 2026-12-01`);
  const days = daysBetween(since, sunset);
  const issues: string[] = [];
  if (days < 0) issues.push(`has its sunset on ${sunset}, before its deprecation (${since})`);
  else if (days < overlapDays) issues.push(`has its sunset ${days} days after its deprecation; the minimum is ${overlapDays}`);
  if (instead.trim() === "") issues.push("is deprecated and does not say what to do instead");
  return issues;
}

/** The `Deprecation` header (RFC 9745): a structured-field date (RFC 9651 §3.3.7). */
export const deprecationField = ({ since }: Deprecation): string => `@${startOf(since) / 1_000}`;

/** The `Sunset` header (RFC 8594): an HTTP date. */
export const sunsetField = ({ sunset }: Deprecation): string => new Date(startOf(sunset)).toUTCString();

/** The deprecation as text, for the API's description and the reference. `successor` names the replacement for the reader. */
export function describeDeprecation({ since, sunset, instead }: Deprecation, successor?: string): string {
  const replaced = successor === undefined ? "" : ` Replaced by ${successor}.`;
  return `**Deprecated** since ${since}; may be gone from ${sunset} on. ${instead}${replaced}`;
}
