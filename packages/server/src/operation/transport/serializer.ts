import fastJsonStringify from "fast-json-stringify";
import type { Operation } from "../declaration/operation.ts";

/** Writes an operation's output out as its schema declares it: what is not declared is stripped, at every depth. */
export type Serializer = (output: unknown) => string;

export const serializerOf = ({ output }: Operation): Serializer => fastJsonStringify(output as never) as Serializer;

/** Whether an operation answers with no body at all. */
export const answersNothing = ({ output }: Operation): boolean => (output as { type?: string }).type === "null";

/** The HTTP status of the operation's success. */
export const statusOf = (operation: Operation): number => operation.status ?? (answersNothing(operation) ? 204 : 200);
