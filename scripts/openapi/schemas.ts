import { Compile } from "typebox/compile";

/** A JSON Schema (2020-12), with its references resolved. */
export type Schema = { readonly [name: string]: unknown };

/** Whether clients send what a schema describes, or read it. */
export type Side = "input" | "output";

interface Pair {
  readonly side: Side;
  /** The location in the document, for the message. */
  readonly at: string;
  /** Every value that `given` allows must be allowed by `taken`. */
  readonly given: Schema;
  readonly taken: Schema;
}

/**
 * The changes that break a client of the release, one line each. Input that was allowed must stay allowed. Output must not contain what
 * the release did not describe, except additional fields. Lengths, bounds and patterns count only for input: raising a limit would otherwise
 * break the answer that returns the input.
 */
export function differences(side: Side, at: string, released: Schema, present: Schema): readonly string[] {
  return side === "input" ? between({ side, at, given: released, taken: present }) : between({ side, at, given: present, taken: released });
}

const released = ({ side, given, taken }: Pair): Schema => (side === "input" ? given : taken);
const present = ({ side, given, taken }: Pair): Schema => (side === "input" ? taken : given);
const text = (value: unknown): string => (value === undefined ? "none" : JSON.stringify(value));

function between(pair: Pair): readonly string[] {
  if (text(pair.given) === text(pair.taken)) return [];
  const [forms, known] = [formsOf(pair.given), formsOf(pair.taken)];
  if (forms.length > 1 || known.length > 1) return forms.flatMap((form) => ofForm(pair, form, known));
  return ofOneForm({ ...pair, given: forms[0] as Schema, taken: known[0] as Schema });
}

function ofOneForm(pair: Pair): readonly string[] {
  const values = ofValues(pair);
  if (values !== undefined) return values;
  return [...ofType(pair), ...ofRules(pair), ...ofFields(pair), ...ofItems(pair), ...ofDefault(pair), ...ofOthers(pair)];
}

/** The alternatives of a schema, each complete; a schema without alternatives is the only one. */
function formsOf(schema: Schema): readonly Schema[] {
  const { anyOf, oneOf, ...rest } = schema as { readonly anyOf?: readonly Schema[]; readonly oneOf?: readonly Schema[] };
  const branches = anyOf ?? oneOf;
  if (branches !== undefined) return branches.flatMap((branch) => formsOf({ ...rest, ...branch }));
  const { type } = schema;
  return Array.isArray(type) ? type.map((each: unknown) => ({ ...schema, type: each })) : [schema];
}

/** An alternative must fit one of the others. Reports the differences to the nearest of the same kind. */
function ofForm(pair: Pair, given: Schema, known: readonly Schema[]): readonly string[] {
  const tried = known.map((taken) => ({ taken, lines: ofOneForm({ ...pair, given, taken }) }));
  if (tried.some(({ lines }) => lines.length === 0)) return [];
  const alike = tried.filter(({ taken }) => taken["type"] === given["type"] && !("const" in taken)).toSorted(fewerLines);
  if (alike[0] !== undefined) return alike[0].lines;
  const form = text(given);
  return [`${pair.at}: ${pair.side === "input" ? `no longer takes ${form}` : `may be ${form}, which the release does not describe`}`];
}

const fewerLines = (one: { lines: readonly string[] }, other: { lines: readonly string[] }): number =>
  one.lines.length - other.lines.length;

function valuesOf(schema: Schema): readonly unknown[] | undefined {
  if ("const" in schema) return [schema["const"]];
  return schema["enum"] as readonly unknown[] | undefined;
}

/** Undefined where neither side lists its values. Lists are compared value by value, without the other rules. */
function ofValues(pair: Pair): readonly string[] | undefined {
  const { side, at, given, taken } = pair;
  const [possible, known] = [valuesOf(given), valuesOf(taken)];
  if (possible === undefined && known === undefined) return undefined;
  if (possible === undefined)
    return [side === "input" ? `${at}: takes only ${text(known)} now` : `${at}: was one of ${text(known)}, may be anything now`];
  const fits = Compile(taken as never);
  const unfit = possible.filter((value) => !fits.Check(value));
  return unfit.map((value) =>
    side === "input" ? `${at}: no longer takes ${text(value)}` : `${at}: may be ${text(value)}, which the release does not describe`,
  );
}

function ofType(pair: Pair): readonly string[] {
  const [given, taken] = [pair.given["type"], pair.taken["type"]];
  if (taken === undefined || given === taken || (given === "integer" && taken === "number")) return [];
  return [`${pair.at}: was of type ${text(released(pair)["type"])}, is of ${text(present(pair)["type"])}`];
}

const upper = ["maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties"];
const lower = ["minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties"];
const exact = ["pattern", "uniqueItems", "multipleOf"];

function ofRules(pair: Pair): readonly string[] {
  const { side, at, given, taken } = pair;
  const narrower = (name: string): boolean => {
    const [allowed, bound] = [given[name], taken[name]];
    if (bound === undefined || allowed === bound) return false;
    if (allowed === undefined || exact.includes(name) || name === "format") return true;
    return upper.includes(name) ? Number(allowed) > Number(bound) : Number(allowed) < Number(bound);
  };
  const rules = side === "input" ? [...upper, ...lower, ...exact, "format"] : ["format"];
  return rules.filter(narrower).map((name) => `${at}: ${name} was ${text(released(pair)[name])}, is ${text(present(pair)[name])}`);
}

type Fields = Readonly<Record<string, Schema>>;
const fieldsOf = (schema: Schema): Fields => (schema["properties"] ?? {}) as Fields;
const requiredOf = (schema: Schema): readonly string[] => (schema["required"] ?? []) as readonly string[];

function ofFields(pair: Pair): readonly string[] {
  const { side, at, given, taken } = pair;
  const [had, has] = [fieldsOf(released(pair)), fieldsOf(present(pair))];
  const lines = Object.keys(had).flatMap((name) => {
    const field = `${at} ${name}`;
    if (has[name] === undefined) return [`${field}: the field is gone`];
    return between({ side, at: field, given: fieldsOf(given)[name] as Schema, taken: fieldsOf(taken)[name] as Schema });
  });
  const missing = requiredOf(taken).filter((name) => !requiredOf(given).includes(name) && (side === "input" || name in has));
  const said = side === "input" ? "must be given now" : "was always there, may be missing now";
  return [...lines, ...missing.map((name) => `${at} ${name}: ${said}`), ...ofFurther(pair)];
}

/** Fields without a fixed name: maps, and whether an object allows additional ones. */
function ofFurther(pair: Pair): readonly string[] {
  const { side, at, given, taken } = pair;
  const maps = (schema: Schema): Fields => {
    const further = schema["additionalProperties"];
    const any = typeof further === "object" && further !== null ? { "": further as Schema } : {};
    return { ...((schema["patternProperties"] ?? {}) as Fields), ...any };
  };
  const [has, closed] = [maps(present(pair)), given["additionalProperties"] !== false && taken["additionalProperties"] === false];
  const lines = Object.keys(maps(released(pair))).flatMap((pattern) =>
    has[pattern] === undefined
      ? [`${at}: fields of the names ${text(pattern)} are gone`]
      : between({ side, at: `${at}{}`, given: maps(given)[pattern] as Schema, taken: maps(taken)[pattern] as Schema }),
  );
  return side === "input" && closed ? [...lines, `${at}: no longer takes further fields`] : lines;
}

function ofItems(pair: Pair): readonly string[] {
  const [given, taken] = [pair.given["items"], pair.taken["items"]] as [Schema | undefined, Schema | undefined];
  return taken === undefined ? [] : between({ ...pair, at: `${pair.at}[]`, given: given ?? {}, taken });
}

function ofDefault(pair: Pair): readonly string[] {
  const [before, now] = [released(pair)["default"], present(pair)["default"]];
  const changed = pair.side === "input" && before !== undefined && text(before) !== text(now);
  return changed ? [`${pair.at}: where it is not given, ${text(before)} was meant, and ${text(now)} is`] : [];
}

const compared = new Set([
  ...["type", "enum", "const", "anyOf", "oneOf", "format", "items", "default"],
  ...["properties", "required", "patternProperties", "additionalProperties"],
  ...[...upper, ...lower, ...exact],
]);
const onlySaid = new Set(["$id", "$schema", "$comment", "title", "description", "example", "examples", "deprecated"]);

/** A difference in an unknown rule is reported, because it cannot be judged. */
function ofOthers({ at, given, taken }: Pair): readonly string[] {
  const names = new Set([...Object.keys(given), ...Object.keys(taken)]);
  const others = [...names].filter((name) => !compared.has(name) && !onlySaid.has(name) && !name.startsWith("x-"));
  return others.filter((name) => text(given[name]) !== text(taken[name])).map((name) => `${at}: differs in ${name}, which is not compared`);
}
