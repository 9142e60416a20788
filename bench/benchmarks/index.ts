import type { Benchmark } from "../lib/benchmark.ts";
import { UsageError } from "../lib/options.ts";
import type { Survey } from "../lib/survey.ts";
import { sizing } from "../surveys/sizing.ts";
import { traffic } from "../surveys/traffic.ts";
import { apikeyVerify } from "./apikey-verify.ts";
import { checkBatch } from "./check-batch.ts";
import { checkHttp } from "./check-http.ts";
import { checkNats, scaleQuery } from "./check-nats.ts";
import { commandInvite, commandRegister, commandRename } from "./command.ts";
import { decideCasbin, decideCasl, decideCedar, decideCold, decideHandWritten, decideRelations } from "./decide.ts";
import { eventBroker, eventEffect } from "./event.ts";
import { growth } from "./growth.ts";
import { jobs } from "./jobs.ts";
import { memory } from "./memory.ts";
import { clientCredentials, introspection } from "./oauth.ts";
import { outboxRelay } from "./outbox-relay.ts";
import { queryMembers, queryOrganization } from "./query.ts";
import { revocationBound } from "./revocation-bound.ts";
import { sessionBetterAuth, sessionBetterAuthCookie } from "./session-better-auth.ts";
import { sessionSelect } from "./session-select.ts";
import { signInArgon2 } from "./sign-in-argon2.ts";
import { signInBetterAuth } from "./sign-in-better-auth.ts";
import { startExisting, startFirst } from "./start.ts";
import { tokenIssue, tokenVerify } from "./token.ts";

export const benchmarks: Benchmark[] = [
  decideHandWritten,
  decideCasl,
  decideCasbin,
  decideCedar,
  decideCold,
  decideRelations,
  growth,
  checkHttp,
  checkNats,
  scaleQuery,
  checkBatch,
  apikeyVerify,
  tokenIssue,
  tokenVerify,
  clientCredentials,
  introspection,
  queryOrganization,
  queryMembers,
  commandRename,
  commandInvite,
  commandRegister,
  outboxRelay,
  eventEffect,
  eventBroker,
  jobs,
  revocationBound,
  sessionBetterAuth,
  sessionBetterAuthCookie,
  sessionSelect,
  signInArgon2,
  signInBetterAuth,
  startExisting,
  startFirst,
  memory,
];

export const surveys: Survey[] = [sizing, traffic];

export const entries: readonly (Benchmark | Survey)[] = [...benchmarks, ...surveys];

/** The benchmarks and surveys of these names and families (`sign-in` selects `sign-in-…`); all of them without a name. */
export function select(names: readonly string[]): readonly (Benchmark | Survey)[] {
  if (names.length === 0) return entries;
  const matches = (entry: Benchmark | Survey, name: string) => entry.name === name || entry.name.startsWith(`${name}-`);
  const unknown = names.filter((name) => !entries.some((entry) => matches(entry, name)));
  if (unknown.length > 0) {
    throw new UsageError(`No benchmark ${unknown.join(", ")}. There are: ${entries.map((entry) => entry.name).join(", ")}`);
  }
  return entries.filter((entry) => names.some((name) => matches(entry, name)));
}
