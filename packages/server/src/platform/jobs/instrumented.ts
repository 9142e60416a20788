import type { Logger } from "pino";
import type { Instrumentation } from "../database/instrumented.ts";
import type { Jobs } from "./jobs.ts";

/** A field added to the payload; no payload has a field of this name. */
const traceField = "$traceparent";

/**
 * Jobs that are measured, continue the trace of the command that enqueued them, and write one log line
 * each: a failure at `warn`, because the queue does not report failures that it retries.
 */
export const instrumentedJobs = (jobs: Jobs, { metrics, tracer, logger }: Instrumentation & { readonly logger: Logger }): Jobs => ({
  queues: jobs.queues,
  deadLetters: (queue) => jobs.deadLetters(queue),
  ping: () => jobs.ping(),
  close: () => jobs.close(),
  suspend: () => jobs.suspend(),
  resume: () => jobs.resume(),
  enqueue(tx, job, payload) {
    const traceparent = tracer.inject();
    return jobs.enqueue(tx, job, traceparent === undefined ? payload : { ...payload, [traceField]: traceparent });
  },
  work(job) {
    for (const outcome of ["ok", "failed"]) metrics.jobSeconds.begin(job.name, outcome);
    return jobs.work({
      ...job,
      async handle(received) {
        // Removed even if this process does not trace, because another one may have added it.
        const { [traceField]: parent, ...payload } = received as Record<string, unknown>;
        const began = performance.now();
        const ended = (outcome: string): number => {
          const milliseconds = performance.now() - began;
          metrics.jobSeconds.observe(job.name, outcome, milliseconds / 1_000);
          return Math.round(milliseconds * 10) / 10;
        };
        const attributes = { "gatehouse.module": "background", "gatehouse.operation": job.name, "messaging.operation.type": "process" };
        // Logged within the span, so that the line has its ids.
        await tracer.span(`job ${job.name}`, { kind: "consumer", parent: parent as string | undefined, attributes }, async () => {
          try {
            await job.handle(payload as typeof received);
            logger.debug({ job: job.name, durationMs: ended("ok") }, `job ${job.name}: ok`);
          } catch (error) {
            logger.warn({ err: error, job: job.name, durationMs: ended("failed") }, `job ${job.name}: failed`);
            throw error;
          }
        });
      },
    });
  },
});
