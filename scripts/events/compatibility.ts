import { gone, hurried } from "../released/ends.ts";

/** A JSON Schema, as far as events use it. */
export type Schema = { readonly [name: string]: unknown };
export type Schemas = Readonly<Record<string, Schema>>;

/**
 * The changes that break a reader of the released events, one line each. A reader relies on events, required fields, types and known
 * values; fields, events and values may be added. An event may be removed where the release declared it deprecated and `today` is not
 * before its sunset.
 */
export function breaks(released: Schemas, present: Schemas, today: string): readonly string[] {
  return Object.entries(released).flatMap(([type, schema]) => {
    const now = present[type];
    return now === undefined ? gone(type, "event", schema, today) : [...hurried(type, schema, now), ...differences(type, schema, now)];
  });
}

function differences(at: string, before: Schema, now: Schema): readonly string[] {
  return [
    ...ofType(at, before, now),
    ...ofValues(at, before, now),
    ...ofFields(at, before, now),
    ...ofItems(at, before, now),
    ...ofChoices(at, before, now),
  ];
}

const text = (value: unknown): string => JSON.stringify(value);

function ofType(at: string, before: Schema, now: Schema): readonly string[] {
  return before["type"] === now["type"] ? [] : [`${at}: was of type ${text(before["type"])}, is of ${text(now["type"])}`];
}

function ofValues(at: string, before: Schema, now: Schema): readonly string[] {
  const [known, possible] = [valuesOf(before), valuesOf(now)];
  if (known === undefined) return [];
  if (possible === undefined) return [`${at}: was one of ${text(known)}, may be anything now`];
  const gone = known.filter((value) => !possible.some((other) => text(other) === text(value)));
  return gone.map((value) => `${at}: ${text(value)} is no longer one of its values`);
}

function valuesOf(schema: Schema): readonly unknown[] | undefined {
  if ("const" in schema) return [schema["const"]];
  if (Array.isArray(schema["enum"])) return schema["enum"];
  const choices = schema["anyOf"] as readonly Schema[] | undefined;
  return choices?.every((choice) => "const" in choice) ? choices.map((choice) => choice["const"]) : undefined;
}

function ofFields(at: string, before: Schema, now: Schema): readonly string[] {
  const [had, has] = [before["properties"] ?? {}, now["properties"] ?? {}] as [Schemas, Schemas];
  const required = new Set((now["required"] ?? []) as readonly string[]);
  return Object.entries(had).flatMap(([name, schema]) => {
    const field = `${at} ${name}`;
    const present = has[name];
    if (present === undefined) return [`${field}: the field is gone`];
    const wasAlways = ((before["required"] ?? []) as readonly string[]).includes(name);
    return [
      ...(wasAlways && !required.has(name) ? [`${field}: was always there, may be missing now`] : []),
      ...differences(field, schema, present),
    ];
  });
}

function ofItems(at: string, before: Schema, now: Schema): readonly string[] {
  const [one, other] = [before["items"], now["items"]] as [Schema | undefined, Schema | undefined];
  return one && other ? differences(`${at}[]`, one, other) : [];
}

/** Compares alternatives: readers do not know a new one, and do not miss a removed one. Values are compared as values. */
function ofChoices(at: string, before: Schema, now: Schema): readonly string[] {
  if (valuesOf(before) !== undefined) return [];
  const [known, possible] = [before["anyOf"], now["anyOf"]] as [readonly Schema[] | undefined, readonly Schema[] | undefined];
  if (known === undefined && possible === undefined) return [];
  if (known === undefined || possible === undefined)
    return [`${at}: had ${known ? "several forms" : "one form"}, has ${possible ? "several" : "one"} now`];
  return possible
    .filter((form) => !known.some((other) => differences(at, other, form).length === 0))
    .map((form) => `${at}: a new form, ${text(form)}, which readers of the release do not know`);
}
