import { type SessionCache, sessions } from "#modules/signin/sessions/index.ts";
import type { Activity } from "#platform/telemetry/activity.ts";
import type { Application } from "./application.ts";
import type { Component } from "./probe.ts";

type Details = Component["details"];

/** The details of the query role in its probe. */
export async function queryDetails({ kernel, platform, reader }: Application): Promise<Details> {
  const { log, metrics } = platform;
  const { activity, projectionLookups } = metrics;
  const lookups = (await projectionLookups.get()).values;
  const of = (...found: readonly string[]) =>
    lookups.filter(({ labels }) => found.includes(String(labels.found))).reduce((sum, { value }) => sum + value, 0);
  const all = of("memory", "cache", "database", "missing");
  return {
    authorizationRate: perSecond(activity.authorization),
    queryRate: perSecond(activity.query),
    cacheHitRate: all === 0 ? "none looked up" : percent(of("memory", "cache") / all),
    ...last("lastSuccessfulQuery", activity.query),
    ...indicators(activity.query),
    logAgeMs: Math.round(log.replicationLagMs),
    eventsNotInReadModel: reader.behind,
    sessionsInMemory: kernel.stateOf<SessionCache>(sessions).size,
  };
}

export const commandDetails = ({ platform }: Application): Details => {
  const { command } = platform.metrics.activity;
  return { commandRate: perSecond(command), ...last("lastSuccessfulCommand", command), ...indicators(command) };
};

export const backgroundDetails = ({ platform, reader }: Application): Details => {
  const { background } = platform.metrics.activity;
  return {
    eventRate: perSecond(background),
    lag: reader.behind,
    ...last("lastEvent", background),
    ...indicators(background),
    eventsNotInReadModel: reader.behind,
  };
};

/** The health indicators of the last minute. A refused request counts as answered. */
const indicators = (activity: Activity): Details => {
  const { meanMs, failedShare } = activity.recent();
  return { responseTime: `${meanMs.toFixed(1)}ms`, errorRate: percent(failedShare), availability: percent(1 - failedShare) };
};

const perSecond = (activity: Activity): string => `${activity.recent().perSecond.toFixed(1)}/s`;
const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;
const last = (name: string, { lastSuccess }: Activity): Details => (lastSuccess === undefined ? {} : { [name]: lastSuccess.toISOString() });
