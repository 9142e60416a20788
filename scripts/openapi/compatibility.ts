import { gone, hurried } from "../released/ends.ts";
import { type Content, type Document, type Operation, operationsOf, type Parameter, type Response } from "./document.ts";
import { differences, type Schema, type Side } from "./schemas.ts";

/**
 * The changes that break a client of the released API description, one line each. Operations, optional input, fields of answers and errors
 * may be added. An operation may be removed where the release declared it deprecated and `today` is not before its sunset. Authorization
 * rules are not compared.
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

/** Each accepted form of authentication must stay accepted; a public operation must stay public. */
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
  const former = before.flatMap((parameter) => {
    const present = now.find(same(parameter));
    return present === undefined
      ? [`${at(parameter)}: the parameter is gone`]
      : differences("input", at(parameter), parameter.schema, present.schema);
  });
  const needed = now.filter((parameter) => parameter.required && !before.find(same(parameter))?.required);
  return [...former, ...needed.map((parameter) => `${at(parameter)}: must be given now`)];
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
  const former = Object.entries(before).flatMap(([status, response]) => {
    const at = `${name} ${status}`;
    const present = now[status];
    if (present === undefined) return [`${at}: the status is gone`];
    const headers = Object.keys(response.headers ?? {}).filter(
      (header) => !sunsetHeaders.has(header) && !(header in (present.headers ?? {})),
    );
    return [
      ...headers.map((header) => `${at}: the header ${header} is gone`),
      ...(isSuccess(status) ? ofContent("output", at, response.content, present.content) : ofErrors(at, response, present)),
    ];
  });
  const added = Object.keys(now).filter((status) => isSuccess(status) && !(status in before));
  return [...former, ...added.map((status) => `${name} ${status}: a success that the release does not describe`)];
}

/** An operation whose deprecation is withdrawn no longer has these headers. */
const sunsetHeaders = new Set(["deprecation", "sunset", "link"]);

/** All errors have one envelope. Codes are only added: a missing one may have been renamed, which would break clients silently. */
function ofErrors(at: string, before: Response, now: Response): readonly string[] {
  const present = codesOf(now);
  return codesOf(before)
    .filter((code) => !present.includes(code))
    .map((code) => `${at}: the error ${code} is gone`);
}

function codesOf({ content }: Response): readonly string[] {
  const schema = content?.["application/json"]?.schema ?? {};
  const schemas = [schema, ...((schema["allOf"] ?? []) as readonly Schema[])] as readonly ErrorSchema[];
  return schemas.flatMap((one) => one.properties?.error?.properties?.code?.enum ?? []);
}

interface ErrorSchema {
  readonly properties?: { readonly error?: { readonly properties?: { readonly code?: { readonly enum?: readonly string[] } } } };
}
