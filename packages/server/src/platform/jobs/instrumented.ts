import type { Logger } from "pino";
import type { Instrumentation } from "../database/instrumented.ts";
import type { Jobs } from "./jobs.ts";

/** Beside the payload's own fields, none of which has such a name. */
const traceField = "$traceparent";

/**
 * Jobs that are measured, go on in the trace of the command that enqueued them, and leave a line of the log
 * each: at `warn` why one failed, for the queue tells nobody while it still tries.
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
        // Also where this process traces nothing: another one may have enqueued it.
        const { [traceField]: parent, ...payload } = received as Record<string, unknown>;
        const began = performance.now();
        const ended = (outcome: string): number => {
          const milliseconds = performance.now() - began;
          metrics.jobSeconds.observe(job.name, outcome, milliseconds / 1_000);
          return Math.round(milliseconds * 10) / 10;
        };
        const attributes = { "gatehouse.module": "background", "gatehouse.operation": job.name, "messaging.operation.type": "process" };
        // In the span, whose ids a line carries.
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
