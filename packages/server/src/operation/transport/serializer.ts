import fastJsonStringify from "fast-json-stringify";
import type { Operation } from "../declaration/operation.ts";

/** Writes an operation's output out as its schema declares it: what is not declared is stripped, at every depth. */
export type Serializer = (output: unknown) => string;

export const serializerOf = ({ output }: Operation): Serializer => fastJsonStringify(output as never) as Serializer;

/** Whether an operation answers with no body at all. */
export const answersNothing = ({ output }: Operation): boolean => (output as { type?: string }).type === "null";
