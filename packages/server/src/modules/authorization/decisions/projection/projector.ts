import { v7 as uuid } from "uuid";
import { PermissionUpdated } from "#modules/authorization/access/index.ts";
import type { WriteHandle } from "#platform/database/database.ts";
import type { Consumer } from "#platform/log/consumers/consumer.ts";
import type { LoggedEvent } from "#platform/log/event.ts";
import { revisionOf } from "#platform/log/log.ts";
import type { Committed } from "#platform/log/publish.ts";
import type { Platform } from "#platform/platform.ts";
import { ProjectionChanged } from "../events.ts";
import { projectorName } from "./names.ts";
import type { Projected } from "./project.ts";
import { publish } from "./snapshot.ts";
import { keysTouchedBy, policyChangeOf, projectedTypes } from "./touched.ts";

/** Recomputes the entries of `keys` from the tables and returns what was written. */
export type Project = (tx: WriteHandle, keys: readonly string[], options: { readonly treeMoved: boolean }) => Promise<Projected>;

/**
 * Events that one transaction projects. It computes its entries in a fixed number of statements (0.1 s for 1,000 entries). A bulk change is
 * projected in batches that take effect one by one, and any other change waits for one batch at most.
 */
const batch = 500;

/**
 * The consumer that updates the projection, in the worker. It recomputes each entry from the tables, so it is idempotent and independent of
 * the order of events; therefore it may be eager.
 */
export function projector(platform: Platform, project: Project): Consumer {
  let written: { readonly projected: Projected; readonly published: Committed } | undefined;
  return {
    name: projectorName,
    types: projectedTypes,
    eager: true,
    batch,
    async handle(events: readonly LoggedEvent[], tx: WriteHandle) {
      // A moved permission changes what roles include; a defined or deleted one does not.
      const treeMoved = events.some((event) => event.type === PermissionUpdated.type && policyChangeOf(event) !== undefined);
      const projected = await project(tx, [...new Set(events.flatMap(keysTouchedBy))], { treeMoved });
      const changeId = uuid();
      const { entries, failed, number } = projected;
      if (failed.length > 0) platform.logger.error({ keys: failed }, "projection entries could not be computed and are dead letters");
      const event = {
        id: uuid(),
        type: ProjectionChanged.type,
        subject: `projection/${changeId}`,
        organizationId: null,
        data: { changeId, handled: events.map(({ id }) => id), keys: [...entries.map(({ key }) => key), ...failed], number },
      };
      const occurredAt = new Date(platform.clock.now());
      const appended = await platform.publisher.append(tx, [event], { occurredAt, traceparent: null });
      written = { projected, published: { events: appended, revision: await revisionOf(tx), occurredAt } };
    },
    async committed() {
      if (written === undefined) return;
      await publish(platform, written.projected);
      platform.publisher.committed(written.published);
      // Checks that wait for this revision continue at once.
      await platform.log.catchUp();
    },
  };
}
