import { v7 as uuid } from "uuid";
import type { Consumer } from "../../../platform/bus/bus.ts";
import type { WriteHandle } from "../../../platform/database/database.ts";
import type { LoggedEvent } from "../../../platform/log/event.ts";
import { append } from "../../../platform/log/log.ts";
import type { Platform } from "../../../platform/platform.ts";
import { ReadModelChanged } from "../events.ts";
import { projectorName } from "./keys.ts";
import type { Projected } from "./project.ts";
import { keysTouchedBy, projectedTypes } from "./touched.ts";

/** A second line behind events: how long the shared cache keeps a part (S3 §27.1, permission cache). */
export const cacheSeconds = 3_600;

/** Recomputes the parts under `keys` from the tables and returns what was written. */
export type Project = (tx: WriteHandle, keys: readonly string[]) => Promise<Projected>;

/**
 * The worker's half: keeps the read model in step with the log. It computes each part anew from the tables, so the order
 * of events is nothing to it and a repeated one does no harm; that is why it may be eager.
 */
export function projector(platform: Platform, project: Project): Consumer {
  let written: Projected | undefined;
  return {
    name: projectorName,
    types: projectedTypes,
    eager: true,
    async handle(events: readonly LoggedEvent[], tx: WriteHandle) {
      written = await project(tx, [...new Set(events.flatMap(keysTouchedBy))]);
      const changeId = uuid();
      const event = {
        id: uuid(),
        type: ReadModelChanged.type,
        subject: `read-model/${changeId}`,
        organizationId: null,
        data: { changeId, handled: events.map(({ id }) => id), keys: written.parts.map(({ key }) => key) },
      };
      await append(tx, [event], { occurredAt: new Date(platform.clock.now()), traceparent: null });
    },
    async committed(events) {
      const { cache, log, metrics } = platform;
      metrics.eventsHandled.inc({ consumer: projectorName }, events.length);
      for (const { key, value } of written?.parts ?? []) {
        await cache.put(key, JSON.stringify(value), { version: (written as Projected).version, ttlSeconds: cacheSeconds });
      }
      // Reads its own announcement back at once, so that checks that wait for it go on.
      await log.catchUp();
    },
  };
}
