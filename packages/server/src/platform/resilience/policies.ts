import { none, policy } from "./policy.ts";

/** Limits that several rows leave out for the same reason. */
const poolIsBulkhead = none("the pool is one; the bulkheads below divide it");
const oneConnection = none("one connection carries all calls, and each takes little of it");

/** Every time limit, retry, circuit breaker and bulkhead around a dependency, in one place. */
export const policies = policy({
  "postgresql.primary": {
    why:
      "A statement that takes longer than ten seconds is a bug, because every query uses an index. The server cancels it. A frozen or unreachable " +
      "server cancels nothing, so the client times out two seconds later.",
    timeLimitMs: 10_000,
    retries: { times: 7, firstPauseMs: 10, longestPauseMs: 80 },
    breaker: none(
      "all calls share one database: a failure says little about the next call, and the lease on the log rejects checks within half a second",
    ),
    bulkhead: poolIsBulkhead,
  },
  "postgresql.replica": {
    why:
      "Queries use the replica if DATABASE_READ_URL is set, with the primary as a fallback. Half a second is for a connection and the first row; " +
      "after that the statement has the primary's limit. A query that has waited this long is still answered by the primary in time. Three failures are " +
      "not a coincidence; five seconds later one query tests whether the replica is back. A lagging replica is skipped and does not count as a failure.",
    timeLimitMs: 500,
    retries: none("the primary answers instead"),
    breaker: { failures: 3, openMs: 5_000 },
    bulkhead: poolIsBulkhead,
  },
  "postgresql.connection": {
    why: "A connection takes milliseconds; three seconds are for a server that starts or is overloaded.",
    timeLimitMs: 3_000,
    retries: none("the caller retries by itself"),
    breaker: none("an unavailable address refuses at once"),
    bulkhead: poolIsBulkhead,
  },
  "postgresql.refusal": {
    why:
      "Tests whether the database's address refuses connections, while the log is not observed. A running machine refuses at once; the rest is for a " +
      "process that is too busy to notice. Less than a lease, which would end meanwhile.",
    timeLimitMs: 400,
    retries: none("repeated at the next heartbeat"),
    breaker: none("an open breaker could not tell whether the database is away"),
    bulkhead: none("one heartbeat at a time makes the call"),
  },
  "postgresql.jobs": {
    why:
      "The queue's own connections. Its statements are short; the longest migrates its tables at a start. A minute is for that. It also limits the wait for " +
      "an unreachable server, which would otherwise last as long as the network timeout.",
    timeLimitMs: 60_000,
    retries: none("the queue polls every two seconds"),
    breaker: none("at most three connections poll, every two seconds"),
    bulkhead: none("a separate pool of three, so that jobs take no connection from other calls"),
  },
  "redis.connection": {
    why: "A running Redis accepts in milliseconds. Retried forever: meanwhile the database is used, and a process that stopped trying would need a restart.",
    timeLimitMs: 1_000,
    retries: { times: Number.POSITIVE_INFINITY, firstPauseMs: 50, longestPauseMs: 1_000 },
    breaker: none("its pauses have the same effect"),
    bulkhead: oneConnection,
  },
  "redis.cache": {
    why:
      "A check that waits for Redis must still be able to read the table within 200 ms, so Redis gets half of that; it answers in one millisecond. " +
      "Five failures are not a coincidence; a second later one call tests whether it is back, so a hanging Redis slows five checks per second, not each.",
    timeLimitMs: 100,
    breaker: { failures: 5, openMs: 1_000 },
    retries: none("the table is read instead, and a retry would take the time for that"),
    bulkhead: oneConnection,
  },
  "redis.cache.writer": {
    why: "The projector's write is larger than a look-up, and only the projector waits for it; a revocation must take effect within a second.",
    timeLimitMs: 1_000,
    breaker: { failures: 3, openMs: 1_000 },
    retries: none("the next write, or the snapshot reconciler, detects the missing write"),
    bulkhead: oneConnection,
  },
  "redis.limits": {
    why: "A sign-in takes a quarter of a second for its hash; another tenth is not noticeable. The breaker is that of the cache.",
    timeLimitMs: 100,
    breaker: { failures: 5, openMs: 1_000 },
    retries: none("a retry could count twice"),
    bulkhead: oneConnection,
  },
  "redis.revocation-list": {
    why: "Only a consumer of the log waits for it, and repeats it later; the processes of this product do not read it.",
    timeLimitMs: 1_000,
    breaker: { failures: 3, openMs: 1_000 },
    retries: none("the consumer repeats the whole batch"),
    bulkhead: oneConnection,
  },
  "redis.peer-detector": {
    why:
      "Called eight times per second while the database is away. Less than a lease, " +
      "which is counted from the query: a later answer would not renew it, and a shorter limit would treat a busy process as one without Redis.",
    timeLimitMs: 400,
    retries: none("repeated at the next heartbeat"),
    breaker: none("an open breaker could not tell whether the database is away"),
    bulkhead: none("one heartbeat at a time makes the call"),
  },
  "nats.connection": {
    why:
      "A restarting server is back within seconds; one that is missing at a start is a configuration error. Afterwards retried forever, " +
      "a few times per second: a process that stopped trying would need a manual restart.",
    timeLimitMs: 10_000,
    retries: { times: Number.POSITIVE_INFINITY, firstPauseMs: 250, longestPauseMs: 500 },
    breaker: none("while it is lost, calls are rejected at once"),
    bulkhead: oneConnection,
  },
  "rpc.query": {
    why:
      "A call to a query process, which callers may repeat. Retried only while no process serves, when nothing has been done yet: about three seconds, " +
      "the time to replace the only process of a role.",
    timeLimitMs: 5_000,
    retries: { times: 10, firstPauseMs: 25, longestPauseMs: 400 },
    breaker: none("a failing operation must not block other operations or roles"),
    bulkhead: none("the serving process has bulkheads, and knows its own capacity"),
  },
  "rpc.command": {
    why:
      "A call to a command process. Its statement may take ten seconds before the database cancels it, and the answer must still arrive. " +
      "Retried like a query.",
    timeLimitMs: 15_000,
    retries: { times: 10, firstPauseMs: 25, longestPauseMs: 400 },
    breaker: none("a failing operation must not block other operations or roles"),
    bulkhead: none("the serving process has bulkheads, and knows its own capacity"),
  },
  "broker.connection": {
    why: "A channel or a cluster takes milliseconds, and a restarting broker five seconds. Retried soon enough to find a broker that is back at once.",
    timeLimitMs: 5_000,
    retries: { times: Number.POSITIVE_INFINITY, firstPauseMs: 200, longestPauseMs: 5_000 },
    breaker: none("its pauses and the relay's have the same effect"),
    bulkhead: oneConnection,
  },
  "broker.publish": {
    why:
      "A quorum queue confirms after a write to disk on most of its nodes: in milliseconds, or seconds under load. The relay retries forever, " +
      "with the events waiting in the log. Its pauses need no jitter, because one process publishes.",
    timeLimitMs: 10_000,
    retries: { times: Number.POSITIVE_INFINITY, firstPauseMs: 250, longestPauseMs: 10_000 },
    breaker: none("the relay's pause has the same effect, with the events waiting in the log"),
    bulkhead: none("one process publishes, one batch after the other"),
  },
  "broker.dead-letters": {
    why:
      "A call reads all dead letters, ten thousand at most. It runs for an operator, and once a minute for the metrics: half a minute " +
      "is more than a call takes, and less than either waits.",
    timeLimitMs: 30_000,
    retries: none("an operator repeats the call; a duplicate delivery is detected by its id"),
    breaker: none("called once a minute, and manually"),
    bulkhead: none("called once a minute, and manually"),
  },
  "billing.api": {
    why:
      "Billing answers from a table; a wait of more than five seconds means an error. Requests are idempotent. The callers, a message handler and " +
      "a job, retry by themselves. So ten failures stop requests for five seconds, and a comparison of a thousand organizations is not a thousand timeouts. " +
      "Eight concurrent requests are a quarter of a consumer's messages in flight: a burst does not overload billing, and other messages continue.",
    timeLimitMs: 5_000,
    retries: { times: 2, firstPauseMs: 100, longestPauseMs: 1_000 },
    breaker: { failures: 10, openMs: 5_000 },
    bulkhead: { atOnce: 8, waiting: 100 },
  },
  "openid.clients": {
    why:
      "Key sets of OAuth clients, while a client waits for its token, and messages to them about ended sessions. Both are small and answered in milliseconds. " +
      "A browser or a program waits for some seconds at most.",
    timeLimitMs: 2_500,
    retries: none("a client repeats its request, and a job the message"),
    breaker: none("each client has another address: a failure says nothing about the next"),
    bulkhead: none("key sets are cached for a minute and more, and a process runs a few jobs at a time"),
  },
  smtp: {
    why:
      "A server may verify the sender before it accepts a mail, which takes seconds; the connection's own limits of ten seconds end first. " +
      "Five failures mean that the server is unavailable, and a mail can wait half a minute.",
    timeLimitMs: 30_000,
    breaker: { failures: 5, openMs: 30_000 },
    retries: none("the mail is a job, which is retried, and a mail that was accepted late would be sent twice"),
    bulkhead: none("the queue gives a process one mail at a time"),
  },
  "smtp.connection": {
    why: "A connection or a command takes seconds if a server verifies the sender. Ten are enough, and end before the mail's own limit.",
    timeLimitMs: 10_000,
    retries: none("the mail is a job, which is retried"),
    breaker: none("the mail has one"),
    bulkhead: none("as for the mail"),
  },
  "otlp.export": {
    why:
      "The receiver of traces. No request waits for it: a receiver that is slower than five seconds only loses spans. The exporter retries what " +
      "the receiver defers within this time, with jitter.",
    timeLimitMs: 5_000,
    retries: { times: 5, firstPauseMs: 1_000, longestPauseMs: 5_000 },
    breaker: none("at most one batch per second is sent, whatever its outcome"),
    bulkhead: none("one batch at a time; spans beyond the buffer are dropped"),
  },
});

/** Signs of life of a process that works on a call from another one (`platform/rpc/signs.ts`). */
export const signs = {
  why:
    "A killed process does not report its unfinished work, so its callers would wait for their time limit. Twice a second costs nothing, because most calls end " +
    "sooner. Three seconds without a sign are six missed signs: longer than a garbage collection or an overloaded processor delays them.",
  everyMs: 500,
  silenceMs: 3_000,
} as const;

/** Jobs that depend on external systems are retried for longer than the queue's default of ten times in an hour and a half. */
export const retrySchedules = {
  mail: {
    why:
      "A mail server may be unavailable for a weekend, and its mails must not be lost (RFC 5321 §4.5.4.1 asks for four to five days; an invitation is valid " +
      "for seven). The pause doubles from five seconds to a quarter of an hour, with jitter: 8 attempts, and then 4 per hour for four days.",
    times: 392,
    firstPauseSeconds: 5,
    longestPauseSeconds: 900,
  },
  backchannelLogout: {
    why:
      "A client that is restarted is back within minutes, and one that is away for hours has its users' sessions until then. The pause doubles from five " +
      "seconds to an hour, with jitter: 10 attempts in the first hour, and then one per hour for a day.",
    times: 34,
    firstPauseSeconds: 5,
    longestPauseSeconds: 3_600,
  },
} as const;

export type PolicyName = keyof typeof policies;

/** Capacity for one kind of work, so that it cannot take the capacity of another. */
export interface BulkheadRow {
  readonly why: string;
  /** How many calls may wait for a permit; further ones are rejected at once. */
  readonly waiting: number;
  /** How long a call may wait before it is rejected. */
  readonly waitMs: number;
}

/** Connections reserved for checks: one each for the log's heartbeat, for uncached projection entries, and for sessions. */
const connectionsForChecks = 3;

/** Concurrent administrative operations that leave connections for checks in a pool of this size; at least two. */
export const administrationAtOnce = (connections: number): number => Math.max(2, connections - connectionsForChecks);

/** Hashes run on Node's four worker threads; twice as many sign-ins keep them busy while others read and write. */
export const signInsAtOnce = 8;

/** Checks from in-process caches need no permit. Work of the worker and the operator does not wait for permits either. */
export const bulkheads = {
  administration: {
    why:
      "Checks have priority over administration: with a slow database, queries and commands would otherwise take every connection. " +
      "Two hundred waiting calls are as many as a pool of ten answers in a second. A query's caller times out after five seconds, so none waits longer than three.",
    waiting: 200,
    waitMs: 3_000,
  },
  "sign-in": {
    why:
      "A hash takes a tenth to a quarter of a second of a processor and no connection: a burst of sign-ins must not delay administration, " +
      "nor wait for it. More than two hundred would wait longer than people do; five seconds leave time for the hash before a command's caller times out.",
    waiting: 200,
    waitMs: 5_000,
  },
} as const satisfies Readonly<Record<string, BulkheadRow>>;

export type BulkheadName = keyof typeof bulkheads;
