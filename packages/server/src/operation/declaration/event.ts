import type { Deprecation } from "./deprecation.ts";
import type { Static, TObject } from "./schema.ts";
import { closed } from "./schema.ts";

/**
 * An event that a module emits: its versioned type, its aggregate and the schema of its data.
 * CloudEvents 1.0 names (docs/contract.md, "Events").
 */
export interface EventDefinition<Data extends TObject = TObject> {
  /** `user.registered.v1`. */
  readonly type: string;
  /** The meaning of the event, one sentence. */
  readonly summary: string;
  /** The kind of the aggregate, and the data field that has its id: `["user", "userId"]`. */
  readonly subject: readonly [kind: string, field: keyof Static<Data> & string];
  /** The data field that has the tenant, where there is one. */
  readonly tenant?: keyof Static<Data> & string;
  readonly data: Data;
  /** Used by the product's own modules only: it is not published to brokers, and its schema is not a public contract. */
  readonly internal?: true;
  /** Until its sunset, a deprecated event is derived from its replacement and published in the same transaction. */
  readonly deprecated?: Deprecation & {
    /** Derives this event's data from the data of its replacement. `derivedFrom` checks the types. */
    readonly from?: (successor: never) => Static<Data>;
  };
}

/** Names the replacement of an event, and how the old form is derived from it. */
export const derivedFrom = <Data extends TObject, Former>(successor: EventDefinition<Data>, from: (data: Static<Data>) => Former) => ({
  replacedBy: successor.type,
  from: from as (successor: never) => Former,
});

export function defineEvent<Data extends TObject>(definition: EventDefinition<Data>): EventDefinition<Data> {
  return { ...definition, data: closed(definition.data) };
}
