import type { Operation } from "../declaration/operation.ts";

/** Where an operation is asked for: `rpc.query.decisions.check`. The kind stands first, as a role serves a kind. */
export const subjectOf = ({ kind, name }: Operation): string => `rpc.${kind}.${name}`;

/** Everything that processes of one role serve. */
export const subjectsOf = (kind: Operation["kind"]): string => `rpc.${kind}.>`;
