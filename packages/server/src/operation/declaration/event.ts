import type { Deprecation } from "./deprecation.ts";
import type { Static, TObject } from "./schema.ts";
import { closed } from "./schema.ts";

/**
 * An event that a module emits: its type with the version, the aggregate that it is about, the schema of its data.
 * CloudEvents 1.0 names (docs/contract.md, "Events").
 */
export interface EventDefinition<Data extends TObject = TObject> {
  /** `user.registered.v1`. */
  readonly type: string;
  /** What it says, one sentence. */
  readonly says: string;
  /** The aggregate's kind and the field of the data with its id: `["user", "userId"]`. */
  readonly subject: readonly [kind: string, field: keyof Static<Data> & string];
  /** The field of the data with the tenant, where there is one. */
  readonly tenant?: keyof Static<Data> & string;
  readonly data: Data;
  /** Between the product's own parts: it is not published to brokers, and its schema is nobody's to rely on. */
  readonly internal?: true;
  /** Until its end a deprecated event is published beside its replacement, in the same transaction and derived from it. */
  readonly deprecated?: Deprecation & {
    /** Makes this event's data of those of the event that replaces it; `derivedFrom` ties the types. */
    readonly from?: (successor: never) => Static<Data>;
  };
}

/** What replaces an event, and how the old form is made of it. */
export const derivedFrom = <Data extends TObject, Former>(successor: EventDefinition<Data>, from: (data: Static<Data>) => Former) => ({
  replacedBy: successor.type,
  from: from as (successor: never) => Former,
});

export function defineEvent<Data extends TObject>(definition: EventDefinition<Data>): EventDefinition<Data> {
  return { ...definition, data: closed(definition.data) };
}
