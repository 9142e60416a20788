import fastJsonStringify from "fast-json-stringify";
import type { Operation } from "../declaration/operation.ts";

/** Serializes an operation's output by its schema: undeclared fields are stripped at every depth. */
export type Serializer = (output: unknown) => string;

/** By schema: to compile one costs a millisecond, and a process has several transports for its operations. */
const compiled = new WeakMap<object, Serializer>();

export function serializerOf({ output }: Operation): Serializer {
  const known = compiled.get(output);
  if (known !== undefined) return known;
  const serializer = fastJsonStringify(output as never) as Serializer;
  compiled.set(output, serializer);
  return serializer;
}

/** Whether an operation answers without a body. */
export const hasNoBody = ({ output }: Operation): boolean => (output as { type?: string }).type === "null";

/** The HTTP status of the operation's success. */
export const statusOf = (operation: Operation): number => operation.status ?? (hasNoBody(operation) ? 204 : 200);
