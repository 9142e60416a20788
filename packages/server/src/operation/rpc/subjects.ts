import type { Operation } from "../declaration/operation.ts";

/** The subject of an operation: `rpc.query.decisions.check`. The kind comes first, because a role serves one kind. */
export const subjectOf = ({ kind, name }: Operation): string => `rpc.${kind}.${name}`;

/** All subjects that the processes of one role serve. */
export const subjectsOf = (kind: Operation["kind"]): string => `rpc.${kind}.>`;

/**
 * The subject of a module's HTTP application. It is one of the role `command`, which runs the applications, so that the permissions of a NATS
 * server for that role include it. No module has the name `http`.
 */
export const httpAppSubject = (name: string): string => `rpc.command.http.${name}`;
