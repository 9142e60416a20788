import type { Operation } from "../declaration/operation.ts";

/** The subject of an operation: `rpc.query.decisions.check`. The kind comes first, because a role serves one kind. */
export const subjectOf = ({ kind, name }: Operation): string => `rpc.${kind}.${name}`;

/** All subjects that the processes of one role serve. */
export const subjectsOf = (kind: Operation["kind"]): string => `rpc.${kind}.>`;
