import { isSecretName, maskText } from "#platform/telemetry/masking.ts";
import { personalKeyword, secretKeyword, type TObject } from "../declaration/schema.ts";

/** An input as the audit log stores it: without secrets, and with personal data separated by path, such as `profile.firstName`. */
export interface Split {
  readonly input: Record<string, unknown>;
  readonly personal: Record<string, unknown>;
}

type Node = Readonly<Record<string, unknown>> | undefined;

/**
 * Splits an input by its schema: redacts secret fields at any depth, and separates personal fields and e-mail addresses. In free-form
 * objects, which have no schema, secrets are recognized by name and form, as in logs.
 */
export function splitInput(schema: TObject, input: Record<string, unknown>): Split {
  const personal: Record<string, unknown> = {};
  return { input: walk(schema as unknown as Node, input, [], personal) as Record<string, unknown>, personal };
}

/** A value without secrets, recognized by name or form, and without e-mail addresses. */
export const withoutSecretsDeep = (value: unknown): unknown => walk(undefined, value, [], {});

function walk(schema: Node, value: unknown, path: readonly string[], personal: Record<string, unknown>): unknown {
  if (value === null || value === undefined) return value;
  const nodes = alternatives(schema);
  if (nodes.some((node) => node?.[secretKeyword] === true)) return "[secret]";
  if (nodes.some((node) => node?.[personalKeyword] === true || node?.["format"] === "email")) {
    personal[path.join(".")] = value;
    return "[personal]";
  }
  if (typeof value === "string") return maskText(value);
  if (typeof value !== "object") return value;
  if (Array.isArray(value)) {
    const items = nodes.map((node) => node?.["items"] as Node).find((node) => node !== undefined);
    return value.map((item, index) => walk(items, item, [...path, String(index)], personal));
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      const known = nodes
        .map((node) => (node?.["properties"] as Record<string, Node> | undefined)?.[name])
        .find((node) => node !== undefined);
      if (known === undefined && isSecretName(name) && typeof member !== "boolean" && member !== null) return [name, "[secret]"];
      return [name, walk(known, member, [...path, name], personal)];
    }),
  );
}

/** A schema and the members of its anyOf, oneOf and allOf. */
function alternatives(schema: Node): readonly Node[] {
  const choices = ["anyOf", "oneOf", "allOf"].flatMap((name) => (schema?.[name] as Node[] | undefined) ?? []);
  return [schema, ...choices.flatMap(alternatives)];
}
