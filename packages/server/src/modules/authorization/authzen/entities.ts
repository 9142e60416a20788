import { nullable, type Static, Type } from "#operation/declaration/schema.ts";

/**
 * The entities of AuthZEN 1.0, section 5. Unlike elsewhere in the API, unknown fields are ignored at every depth (10.1.1). Null counts as
 * absent, as everywhere in decisions (decision 0019).
 */
export const open = { additionalProperties: true } as const;
export const Facts = Type.Record(Type.String(), Type.Unknown());
export type Facts = Static<typeof Facts>;
export const optionalFacts = Type.Optional(nullable(Facts));

const typed = { type: Type.String(), properties: optionalFacts };
const identified = { type: Type.String(), id: Type.String(), properties: optionalFacts };

export const Subject = Type.Object(identified, open);
export type Subject = Static<typeof Subject>;
export const Resource = Type.Object(identified, open);
export type Resource = Static<typeof Resource>;
export const Action = Type.Object({ name: Type.String(), properties: optionalFacts }, open);
export type Action = Static<typeof Action>;
/** The subject or resource of a search. An `id` in it is ignored (8.4.1, 8.5.1). */
export const SoughtSubject = Type.Object(typed, open);
export const SoughtResource = Type.Object(typed, open);

/** An access evaluation request (6.1). */
export const Evaluation = Type.Object({ subject: Subject, action: Action, resource: Resource, context: optionalFacts }, open);
export type Evaluation = Static<typeof Evaluation>;
