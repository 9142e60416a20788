import { v7 as uuid } from "uuid";
import { PermissionUpdated } from "#modules/authorization/access/index.ts";
import { appendedSubject } from "#operation/rpc/subjects.ts";
import type { Consumer } from "#platform/bus/bus.ts";
import type { WriteHandle } from "#platform/database/database.ts";
import type { LoggedEvent } from "#platform/log/event.ts";
import { append } from "#platform/log/log.ts";
import type { Platform } from "#platform/platform.ts";
import { ReadModelChanged } from "../events.ts";
import { projectorName } from "./names.ts";
import type { Projected } from "./project.ts";
import { publish } from "./snapshot.ts";
import { keysTouchedBy, policyChangeOf, projectedTypes } from "./touched.ts";

/** Recomputes the entries under `keys` from the tables and returns what was written. */
export type Project = (tx: WriteHandle, keys: readonly string[], options: { readonly treeMoved: boolean }) => Promise<Projected>;

/**
 * Events that one transaction projects. Its entries are computed in a fixed number of statements (0.1 s for 1,000 entries), so a bulk
 * change of any size is projected in steps that each take effect, and what else changed meanwhile waits for one step at most.
 */
const batch = 500;

/**
 * The worker's half: keeps the projection in step with the log. It computes each entry anew from the tables, so the order
 * of events is nothing to it and a repeated one does no harm; that is why it may be eager.
 */
export function projector(platform: Platform, project: Project): Consumer {
  let written: Projected | undefined;
  return {
    name: projectorName,
    types: projectedTypes,
    eager: true,
    batch,
    async handle(events: readonly LoggedEvent[], tx: WriteHandle) {
      // A permission that has moved takes rights along; one that was defined or deleted takes none from others.
      const treeMoved = events.some((event) => event.type === PermissionUpdated.type && policyChangeOf(event) !== undefined);
      written = await project(tx, [...new Set(events.flatMap(keysTouchedBy))], { treeMoved });
      const changeId = uuid();
      const { entries, failed, number } = written;
      if (failed.length > 0) platform.logger.error({ keys: failed }, "projection entries could not be computed and are dead letters");
      const event = {
        id: uuid(),
        type: ReadModelChanged.type,
        subject: `read-model/${changeId}`,
        organizationId: null,
        data: { changeId, handled: events.map(({ id }) => id), keys: [...entries.map(({ key }) => key), ...failed], number },
      };
      await append(tx, [event], { occurredAt: new Date(platform.clock.now()), traceparent: null });
    },
    async committed() {
      const { log, rpc } = platform;
      if (written) await publish(platform, written);
      // Reads its own announcement back at once, and has the others read it, so that checks that wait for it go on.
      await log.catchUp();
      rpc.tell(appendedSubject);
    },
  };
}
