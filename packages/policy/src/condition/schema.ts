import { conditionLimits, operators } from "./condition.ts";
import { type Kind, operatorDefinitions } from "./operators.ts";
import { weekdays } from "./time.ts";

const text = { type: "string", maxLength: conditionLimits.textLength } as const;
const literal = { anyOf: [text, { type: "number" }, { type: "boolean" }] } as const;
const list = { type: "array", items: literal, maxItems: conditionLimits.listLength } as const;
const placeholder = {
  type: "string",
  pattern: "^\\$(?:now|(?:user|tenant|session|request|resource)(?:\\.[A-Za-z_][A-Za-z0-9_-]*)+)$",
} as const;

/** A literal, also one that begins with `$`. */
const wrapped = (value: object) => ({ type: "object", properties: { value }, required: ["value"], additionalProperties: false });
const either = (...values: readonly object[]) => ({ anyOf: [placeholder, ...values, ...values.map(wrapped)] });

/** The schema of each side. Only the model can check a placeholder's declared type (`issuesOfCondition`). */
const sides: Readonly<Record<Kind, object>> = {
  scalar: either(text, { type: "number" }, { type: "boolean" }),
  text: either(text),
  number: either({ type: "number" }),
  time: either(text, { type: "number" }),
  address: either(text),
  list: either(list),
  anything: either(text, { type: "number" }, { type: "boolean" }, list),
  hours: { type: "array", items: { type: "string", pattern: "^(?:[01]\\d|2[0-3]):[0-5]\\d$|^24:00$" }, minItems: 2, maxItems: 2 },
  weekdays: { type: "array", items: { enum: [...weekdays] }, minItems: 1, maxItems: conditionLimits.listLength },
  networks: { anyOf: [text, { type: "array", items: text, minItems: 1, maxItems: conditionLimits.listLength }] },
};

const comparison = (operator: (typeof operators)[number]) => {
  const { left, right } = operatorDefinitions[operator];
  const properties = { operator: { const: operator }, left: sides[left], zone: { type: "string" } };
  return {
    type: "object",
    title: operator,
    properties: right === undefined ? properties : { ...properties, right: sides[right] },
    required: ["operator", "left", ...(right === undefined ? [] : ["right"])],
    additionalProperties: false,
  };
};

const self = { $ref: "#/$defs/condition" } as const;
const parts = { type: "array", items: self, minItems: 1, maxItems: conditionLimits.nodes } as const;
const branch = (name: string, value: object) => ({
  type: "object",
  title: name,
  properties: { [name]: value },
  required: [name],
  additionalProperties: false,
});

/** A condition's JSON Schema 2020-12, generated from the operators, for forms and validation in other languages. */
export const conditionSchema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  $id: "/schemas/condition",
  title: "Condition",
  $defs: { condition: { anyOf: [branch("all", parts), branch("any", parts), branch("not", self), ...operators.map(comparison)] } },
  ...self,
} as const;
