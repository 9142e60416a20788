import { none, policy } from "./policy.ts";

/** What several rows leave out for one reason. */
const poolIsBulkhead = none("the pool is one; the bulkheads below share it out");
const oneConnection = none("one connection carries all calls, and each takes little of it");

/** Every time limit, retry, circuit breaker and bulkhead around a dependency, in one place. */
export const policies = policy({
  "postgresql.primary": {
    why:
      "A statement that takes longer than ten seconds is a fault: every query of the server is answered from an index. The server ends it, and a server " +
      "that is frozen or cut off ends nothing, so the client gives up two seconds later.",
    timeLimitMs: 10_000,
    retries: { times: 7, firstPauseMs: 10, longestPauseMs: 80 },
    breaker: none(
      "one database is there for all: what fails says little of the next call, and the lease on the log refuses checks in half a second",
    ),
    bulkhead: poolIsBulkhead,
  },
  "postgresql.replica": {
    why:
      "Queries read there where DATABASE_READ_URL is set, and the primary answers where it does not. Half a second is for a connection and the first row, " +
      "after which a statement has the primary's limit; a query that has waited so long is answered by the primary in time. Three failures are no accident, " +
      "and five seconds later one query finds out whether it is back. A replica that is behind is passed over and is no failure.",
    timeLimitMs: 500,
    retries: none("the primary is asked instead"),
    breaker: { failures: 3, openMs: 5_000 },
    bulkhead: poolIsBulkhead,
  },
  "postgresql.connection": {
    why: "A connection is there in milliseconds; three seconds are for a server that starts, or has many to let in.",
    timeLimitMs: 3_000,
    retries: none("the caller retries by itself"),
    breaker: none("an address that refuses does so at once"),
    bulkhead: poolIsBulkhead,
  },
  "postgresql.refusal": {
    why:
      "Whether the database's address refuses connections, asked while the log is not heard. A machine that is there refuses at once; the rest is for a " +
      "process that is too busy to see it. Less than a lease, which ends meanwhile.",
    timeLimitMs: 400,
    retries: none("asked again at the next heartbeat"),
    breaker: none("what an open one does not ask, it does not know"),
    bulkhead: none("one heartbeat asks at a time"),
  },
  "postgresql.jobs": {
    why:
      "The queue's own connections. Its statements are short; the longest, at a start, moves its tables to a new version. A minute is for that, and for a " +
      "server that was cut off without a word, which would be waited for as long as the machine's network does.",
    timeLimitMs: 60_000,
    retries: none("the queue looks again every two seconds"),
    breaker: none("as many as three connections look, every two seconds"),
    bulkhead: none("a pool of three of its own, so that jobs take no connection from anybody"),
  },
  "redis.connection": {
    why: "A Redis that is there accepts in milliseconds. Tried for ever: meanwhile the database is asked, and a process that gave up would have to be restarted.",
    timeLimitMs: 1_000,
    retries: { times: Number.POSITIVE_INFINITY, firstPauseMs: 50, longestPauseMs: 1_000 },
    breaker: none("its pauses are one"),
    bulkhead: oneConnection,
  },
  "redis.cache": {
    why:
      "A check that waits for Redis still has the table to ask within S3's 200 ms, so Redis gets half of that; it answers in one. " +
      "Five failures are no accident, and a second later one call finds out whether it is back: a Redis that hangs slows five checks a second, not each.",
    timeLimitMs: 100,
    breaker: { failures: 5, openMs: 1_000 },
    retries: none("the table is asked instead, and a retry would take the time for that"),
    bulkhead: oneConnection,
  },
  "redis.cache.writer": {
    why: "The projector's write is larger than a look-up and nobody waits for it but the projector; a second is what a change of rights has.",
    timeLimitMs: 1_000,
    breaker: { failures: 3, openMs: 1_000 },
    retries: none("the next write, or the snapshot reconciler, finds that it is missing"),
    bulkhead: oneConnection,
  },
  "redis.limits": {
    why: "A sign-in takes a quarter of a second for its hash; a tenth on top of it is not felt. The breaker is that of the cache.",
    timeLimitMs: 100,
    breaker: { failures: 5, openMs: 1_000 },
    retries: none("to count twice would be wrong"),
    bulkhead: oneConnection,
  },
  "redis.peer-detector": {
    why:
      "Asked eight times a second while the database is away. Less than a lease, " +
      "which is counted from the question: a later answer would renew nothing, and an earlier end would take a busy process for one without Redis.",
    timeLimitMs: 400,
    retries: none("asked again at the next heartbeat"),
    breaker: none("what an open one does not ask, it does not know"),
    bulkhead: none("one heartbeat asks at a time"),
  },
  "nats.connection": {
    why:
      "A server that is being restarted is back within seconds; one that is not there at a start is a fault of the configuration. Tried for ever afterwards, " +
      "a few times a second: a process that gave up would have to be started again by hand.",
    timeLimitMs: 10_000,
    retries: { times: Number.POSITIVE_INFINITY, firstPauseMs: 250, longestPauseMs: 500 },
    breaker: none("while it is lost, calls are refused at once"),
    bulkhead: oneConnection,
  },
  "rpc.query": {
    why:
      "A call to a query process; asked again by whoever wants it. Retried only while nobody serves, when nothing has been done yet: some three seconds, " +
      "as long as the only process of a role takes to be replaced.",
    timeLimitMs: 5_000,
    retries: { times: 10, firstPauseMs: 25, longestPauseMs: 400 },
    breaker: none("an operation that fails must not refuse the others, nor one role another"),
    bulkhead: none("the answering process has them, and knows better what it can bear"),
  },
  "rpc.command": {
    why:
      "A call to a command process. Its statement may take ten seconds before the database ends it, and its answer must still come. " +
      "Retried as a query is.",
    timeLimitMs: 15_000,
    retries: { times: 10, firstPauseMs: 25, longestPauseMs: 400 },
    breaker: none("an operation that fails must not refuse the others, nor one role another"),
    bulkhead: none("the answering process has them, and knows better what it can bear"),
  },
  "broker.connection": {
    why: "A channel or a cluster is there in milliseconds; five seconds it takes a broker that restarts. Looked for again so soon that one that is back is found at once.",
    timeLimitMs: 5_000,
    retries: { times: Number.POSITIVE_INFINITY, firstPauseMs: 200, longestPauseMs: 5_000 },
    breaker: none("its pauses are one, and the relay's"),
    bulkhead: oneConnection,
  },
  "broker.publish": {
    why:
      "A quorum queue confirms after a write to disk on most of its nodes: milliseconds, seconds when they are busy. The relay tries again for ever, " +
      "with the events waiting in the log. By itself, so its pauses need no chance: one process publishes.",
    timeLimitMs: 10_000,
    retries: { times: Number.POSITIVE_INFINITY, firstPauseMs: 250, longestPauseMs: 10_000 },
    breaker: none("the relay's pause is one, with the events waiting in the log"),
    bulkhead: none("one process publishes, one batch after the other"),
  },
  "broker.dead-letters": {
    why:
      "A look reads all that was put aside, ten thousand at most. An operator waits for it, and the metrics' count, which comes once a minute: half a minute " +
      "is more than a look takes, and less than either waits.",
    timeLimitMs: 30_000,
    retries: none("an operator asks again; what is handed over twice is understood by its id"),
    breaker: none("asked once a minute, and by hand"),
    bulkhead: none("asked once a minute, and by hand"),
  },
  "billing.api": {
    why:
      "Billing answers from a table; who waits longer than five seconds waits for a fault. A question may be asked again. Its askers, a message's handler and " +
      "a job, come back by themselves, so ten failures end the asking for five seconds and a comparison of a thousand organizations is not a thousand waits. " +
      "Eight at once are a quarter of the messages that a consumer holds: a wave of them is none for billing, and those that need no answer go on.",
    timeLimitMs: 5_000,
    retries: { times: 2, firstPauseMs: 100, longestPauseMs: 1_000 },
    breaker: { failures: 10, openMs: 5_000 },
    bulkhead: { atOnce: 8, waiting: 100 },
  },
  smtp: {
    why:
      "A server may look up who sends before it accepts a mail, which takes seconds; the connection's own limits of ten end before this. " +
      "Five failures say that the server is away, and half a minute is nothing to a mail.",
    timeLimitMs: 30_000,
    breaker: { failures: 5, openMs: 30_000 },
    retries: none("the mail is a job, which is tried again, and a mail that was accepted late would be sent twice"),
    bulkhead: none("the queue hands a process one mail after the other"),
  },
  "smtp.connection": {
    why: "A connection, and a word on it, take seconds where a server looks up who sends. Ten are enough, and end before the mail's own limit.",
    timeLimitMs: 10_000,
    retries: none("the mail is a job, which is tried again"),
    breaker: none("the mail has one"),
    bulkhead: none("as for the mail"),
  },
  "otlp.export": {
    why:
      "Where traces go. Nobody waits for it: a receiver that is slower than five seconds loses spans, and the product loses nothing. The exporter tries what " +
      "the receiver puts off again within this time, with jitter.",
    timeLimitMs: 5_000,
    retries: { times: 5, firstPauseMs: 1_000, longestPauseMs: 5_000 },
    breaker: none("one batch a second at most is offered, whatever becomes of it"),
    bulkhead: none("one batch at a time; what comes on top of the buffer is dropped"),
  },
});

/** Signs of life of a process that works on a call from another one (`platform/rpc/signs.ts`). */
export const signs = {
  why:
    "A process that is killed tells nobody what it had begun, so its callers would wait out their time. Twice a second costs nothing, as most calls end sooner; " +
    "three seconds without a sign are six that were missed: more than a collection of garbage or a crowded processor takes.",
  everyMs: 500,
  silenceMs: 3_000,
} as const;

/** Jobs whose failure is somebody else's are tried for longer than the queue's own ten times in an hour and a half. */
export const retrySchedules = {
  mail: {
    why:
      "A mail server may be away for a weekend, and what it was to send must not be lost (RFC 5321 §4.5.4.1 asks for four to five days; an invitation is valid " +
      "for seven). The pause doubles from five seconds to a quarter of an hour, with chance in it: 8 tries, and then 4 an hour for four days.",
    times: 392,
    firstPauseSeconds: 5,
    longestPauseSeconds: 900,
  },
} as const;

export type PolicyName = keyof typeof policies;

/** Room for one kind of work, so that it cannot take the room of another. */
export interface BulkheadRow {
  readonly why: string;
  /** So many wait for a place; whoever comes then is refused at once. */
  readonly waiting: number;
  /** Who has waited so long is refused. */
  readonly waitMs: number;
}

/** Connections that administration leaves to checks: one each for the log's heartbeat, for parts that memory lacks, and for sessions. */
const connectionsForChecks = 3;

/** As many administrative operations at once as leave room for checks in a pool of so many connections; two in the smallest. */
export const administrationAtOnce = (connections: number): number => Math.max(2, connections - connectionsForChecks);

/** Hashes run on the four threads that Node has for them; twice as many keep these busy while others read before and write after theirs. */
export const signInsAtOnce = 8;

/** Checks from memory are in neither: nothing of them waits here. What the worker and the operator do is not kept waiting either. */
export const bulkheads = {
  administration: {
    why:
      "Checks come before administration: where the database is slow, queries and commands would otherwise take every connection. " +
      "Two hundred that wait are as many as a pool of ten answers in a second; a query's asker is gone after five, so none waits longer than three.",
    waiting: 200,
    waitMs: 3_000,
  },
  "sign-in": {
    why:
      "A hash takes a tenth to a quarter of a second of a processor and no connection: a wave of sign-ins must not keep administration waiting, " +
      "nor wait for it. More than two hundred would wait longer than people do; five seconds leave time for the hash before a command's asker is gone.",
    waiting: 200,
    waitMs: 5_000,
  },
} as const satisfies Readonly<Record<string, BulkheadRow>>;

export type BulkheadName = keyof typeof bulkheads;
