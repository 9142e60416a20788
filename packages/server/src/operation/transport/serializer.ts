import fastJsonStringify from "fast-json-stringify";
import type { Operation } from "../declaration/operation.ts";

/** Serializes an operation's output by its schema: undeclared fields are stripped at every depth. */
export type Serializer = (output: unknown) => string;

export const serializerOf = ({ output }: Operation): Serializer => fastJsonStringify(output as never) as Serializer;

/** Whether an operation answers without a body. */
export const answersNothing = ({ output }: Operation): boolean => (output as { type?: string }).type === "null";
