import type { Ending } from "../released/ends.ts";
import type { Schema } from "./schemas.ts";

/** The subset of an OpenAPI 3.1 document that the product's uses. */
export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly [name: string]: unknown;
}

export interface Operation extends Ending {
  readonly operationId: string;
  readonly security?: readonly Readonly<Record<string, unknown>>[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Body;
  readonly responses: Readonly<Record<string, Response>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema: Schema;
}

export interface Body {
  readonly required?: boolean;
  readonly content: Content;
}

export interface Response {
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Content;
}

export type Content = Readonly<Record<string, { readonly schema?: Schema }>>;

/** By operationId: each operation with its address, its references resolved. */
export function operationsOf(document: Document): Readonly<Record<string, Operation & { readonly address: string }>> {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const whole = resolved(operation, document, []) as Operation;
      return [operation.operationId, { ...whole, address: `${method.toUpperCase()} ${path}` }] as const;
    }),
  );
  return Object.fromEntries(operations);
}

function resolved(value: unknown, document: Document, within: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((each) => resolved(each, document, within));
  if (typeof value !== "object" || value === null) return value;
  const { $ref: reference } = value as { readonly $ref?: unknown };
  if (typeof reference === "string") {
    if (within.includes(reference)) throw new Error(`${reference} leads back to itself, which is not compared`);
    return resolved(targetOf(reference, document), document, [...within, reference]);
  }
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, resolved(each, document, within)]));
}

function targetOf(reference: string, document: Document): unknown {
  const steps = reference.replace(/^#\//, "").split("/");
  return steps
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce<unknown>((part, step) => (part as Record<string, unknown> | undefined)?.[step], document);
}
