import { gone, hurried } from "../released/ends.ts";
import { type Content, type Document, type Operation, operationsOf, type Parameter, type Response } from "./document.ts";
import { differences, type Schema, type Side } from "./schemas.ts";

/**
 * What a client that was written against the released description of the API could not do with the present one, a line each (S3
 * §21.3). What is added passes: operations, optional input, fields of answers, errors. An operation may be gone where the release
 * called it deprecated and `today` is not before its sunset. Who may call is not in it: a rule is no part of the description's form.
 */
export function breaks(released: Document, present: Document, today: string): readonly string[] {
  const now = operationsOf(present);
  return Object.entries(operationsOf(released)).flatMap(([name, before]) => {
    const operation = now[name];
    return operation === undefined ? gone(name, "operation", before, today) : ofOperation(name, before, operation);
  });
}

type Addressed = Operation & { readonly address: string };

function ofOperation(name: string, before: Addressed, now: Addressed): readonly string[] {
  return [
    ...(before.address === now.address ? [] : [`${name}: was ${before.address}, is ${now.address}`]),
    ...hurried(name, before, now),
    ...ofCredentials(name, before, now),
    ...ofParameters(name, before.parameters ?? [], now.parameters ?? []),
    ...ofBody(name, before, now),
    ...ofResponses(name, before.responses, now.responses),
  ];
}

/** Each way to authenticate that was enough still is; where none was needed, none is. */
function ofCredentials(name: string, before: Operation, now: Operation): readonly string[] {
  const [ways, present] = [before.security ?? [], now.security ?? []];
  if (present.length === 0) return [];
  if (ways.length === 0) return [`${name}: needs a credential now`];
  const known = present.map((way) => JSON.stringify(way));
  return ways
    .filter((way) => !known.includes(JSON.stringify(way)))
    .map((way) => `${name}: no longer takes ${Object.keys(way).join(" and ")}`);
}

function ofParameters(name: string, before: readonly Parameter[], now: readonly Parameter[]): readonly string[] {
  const same = (one: Parameter) => (other: Parameter) => one.in === other.in && one.name === other.name;
  const at = (parameter: Parameter): string => `${name} ${parameter.in} ${parameter.name}`;
  const kept = before.flatMap((parameter) => {
    const present = now.find(same(parameter));
    return present === undefined
      ? [`${at(parameter)}: the parameter is gone`]
      : differences("input", at(parameter), parameter.schema, present.schema);
  });
  const needed = now.filter((parameter) => parameter.required && !before.find(same(parameter))?.required);
  return [...kept, ...needed.map((parameter) => `${at(parameter)}: must be given now`)];
}

function ofBody(name: string, { requestBody: before }: Operation, { requestBody: now }: Operation): readonly string[] {
  const at = `${name} body`;
  if (now === undefined) return before === undefined ? [] : [`${at}: is no longer taken`];
  const needed = now.required && !before?.required ? [`${at}: must be given now`] : [];
  return before === undefined ? needed : [...needed, ...ofContent("input", at, before.content, now.content)];
}

function ofContent(side: Side, at: string, before: Content = {}, now: Content = {}): readonly string[] {
  return Object.entries(before).flatMap(([type, { schema = {} }]) => {
    const present = now[type];
    return present === undefined ? [`${at}: ${type} is gone`] : differences(side, at, schema, present.schema ?? {});
  });
}

type Responses = Readonly<Record<string, Response>>;
const isSuccess = (status: string): boolean => status.startsWith("2");

function ofResponses(name: string, before: Responses, now: Responses): readonly string[] {
  const kept = Object.entries(before).flatMap(([status, response]) => {
    const at = `${name} ${status}`;
    const present = now[status];
    if (present === undefined) return [`${at}: the status is gone`];
    const headers = Object.keys(response.headers ?? {}).filter(
      (header) => !endingHeaders.has(header) && !(header in (present.headers ?? {})),
    );
    return [
      ...headers.map((header) => `${at}: the header ${header} is gone`),
      ...(isSuccess(status) ? ofContent("output", at, response.content, present.content) : ofErrors(at, response, present)),
    ];
  });
  const added = Object.keys(now).filter((status) => isSuccess(status) && !(status in before));
  return [...kept, ...added.map((status) => `${name} ${status}: a success that the release does not describe`)];
}

/** An operation that was to go and stays after all no longer says so. */
const endingHeaders = new Set(["deprecation", "sunset", "link"]);

/** All errors have one envelope. Codes are only added: one that is gone was perhaps renamed, and nobody would be told. */
function ofErrors(at: string, before: Response, now: Response): readonly string[] {
  const present = codesOf(now);
  return codesOf(before)
    .filter((code) => !present.includes(code))
    .map((code) => `${at}: the error ${code} is gone`);
}

function codesOf({ content }: Response): readonly string[] {
  const schema = content?.["application/json"]?.schema ?? {};
  const parts = [schema, ...((schema["allOf"] ?? []) as readonly Schema[])] as readonly ErrorSchema[];
  return parts.flatMap((part) => part.properties?.error?.properties?.code?.enum ?? []);
}

interface ErrorSchema {
  readonly properties?: { readonly error?: { readonly properties?: { readonly code?: { readonly enum?: readonly string[] } } } };
}
