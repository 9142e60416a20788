import { issuesOfAudit } from "./audit-declaration.ts";
import { permissionsIn, type Rule } from "./authorization.ts";
import type { ErrorDefinition } from "./errors.ts";
import { kernelErrors } from "./errors.ts";
import type { EventDefinition } from "./event.ts";
import type { HttpApp } from "./http-app.ts";
import type { ModuleManifest } from "./module.ts";
import type { Operation } from "./operation.ts";
import { type TSchema, timeBoundKeyword, timestampFormat } from "./schema.ts";
import { issuesOfEvent, issuesOfVersion } from "./versions.ts";

/** All declarations of all modules. The transports, the API's description and the checks read it. */
export interface Catalogue {
  readonly manifests: readonly ModuleManifest[];
  readonly operations: readonly Operation[];
  readonly byName: ReadonlyMap<string, Operation>;
  readonly apps: readonly HttpApp[];
  readonly events: readonly EventDefinition[];
  /** By an event's type: the deprecated events that are derived from it and published with it. */
  readonly formerEvents: ReadonlyMap<string, readonly EventDefinition[]>;
  /** Every error that an operation or the kernel can return, by code. */
  readonly errors: ReadonlyMap<string, ErrorDefinition>;
}

/** Collects the declarations. Throws where one is incomplete or contradicts another: such a program does not start. */
export function catalogue(manifests: readonly ModuleManifest[]): Catalogue {
  const operations = manifests.flatMap((manifest) => manifest.operations);
  const issues: string[] = [];
  const byName = unique(operations, (operation) => operation.name, "operation", issues);
  const apps = manifests.flatMap((manifest) => manifest.httpApps ?? []);
  unique(apps, (app) => app.name, "HTTP application", issues);
  const routes = [...operations.flatMap(({ http }) => http ?? []), ...apps.flatMap((app) => app.routes)];
  unique(routes, shapeOf, "route", issues);
  const events = manifests.flatMap((manifest) => manifest.events);
  unique(events, (event) => event.type, "event", issues);
  for (const operation of operations) {
    issues.push(...issuesOfOperation(operation));
    issues.push(...issuesOfVersion(operation, byName).map((issue) => `${operation.name} ${issue}`));
  }
  for (const event of events) issues.push(...issuesOfEvent(event, events).map((issue) => `event ${event.type} ${issue}`));
  const errors = new Map<string, ErrorDefinition>();
  for (const error of [
    ...kernelErrors,
    ...apps.flatMap((app) => app.errors ?? []),
    ...operations.flatMap((operation) => [...operation.errors, ...(operation.absent ? [operation.absent] : [])]),
  ]) {
    const known = errors.get(error.code);
    if (known && known !== error) issues.push(`error code ${error.code} is defined twice`);
    errors.set(error.code, error);
  }
  if (issues.length > 0) throw new Error(`The operations are not complete:\n  ${issues.join("\n  ")}`);
  const replaced = events.filter(({ deprecated }) => deprecated?.replacedBy !== undefined);
  const formerEvents = Map.groupBy(replaced, ({ deprecated }) => deprecated?.replacedBy as string);
  return { manifests, operations, byName, apps, events, formerEvents, errors };
}

/** Routes that differ only in the names of their parameters are the same route. */
const shapeOf = (http: string): string => http.replace(/:\w+/g, ":");

function issuesOfOperation(operation: Operation): string[] {
  const issues: string[] = [];
  const report = (issue: string) => issues.push(`${operation.name} ${issue}`);
  // Types require the same; this also rejects a declaration that was cast or comes from JavaScript.
  if (!operation.allow) report("does not declare who may call it (allow)");
  if (operation.http !== undefined && !/^(GET|POST|PUT|PATCH|DELETE) \/\S*$/.test(operation.http))
    report(`has a route that cannot be read: ${operation.http}`);
  for (const [, parameter] of (operation.http ?? "").matchAll(/:(\w+)/g)) {
    if (parameter && !(parameter in operation.input.properties)) report(`has :${parameter} in its route and not in its input`);
  }
  if (operation.kind === "query" && operation.http !== undefined && !/^(GET|POST) /.test(operation.http))
    report("is a query behind a writing method");
  if (operation.kind === "command" && operation.document) report("is a command; only a query is a document");
  for (const issue of issuesOfAudit(operation.kind, operation.audit)) report(issue);
  for (const field of otherTimes(operation.input, [])) report(`takes a time at ${field} that is not a Timestamp`);
  if (usesOwnRule(operation.allow) !== (operation.ownerOf !== undefined))
    report("has the rule own without ownerOf, or ownerOf without the rule");
  if (operation.cookie === "begins" && operation.stillValid === undefined)
    report("begins a session and does not check whether the stored answer of a retry is still valid (stillValid)");
  const needsTenant = operation.allow && permissionsIn(operation.allow).some((needed) => needed.scope === "tenant");
  if (needsTenant && !operation.absent)
    report("requires a permission in a tenant and does not declare the error for a non-member (absent)");
  return issues;
}

const usesOwnRule = (rule: Rule | undefined): boolean => rule?.kind === "own" || (rule?.kind === "either" && rule.rules.some(usesOwnRule));

/** Field names of times: `expiresAt`, `timestamp`, `validUntil`. */
const timeName = /(?:At|Until|Since)$|^(?:until|since|time|.*[tT]imestamp)$/;

/** Fields that accept a time in another format than Timestamp. Only a Timestamp is checked to be storable and is normalized. */
function otherTimes(schema: TSchema, path: readonly string[]): readonly string[] {
  const node = schema as TSchema & {
    readonly type?: string;
    readonly format?: string;
    readonly properties?: Readonly<Record<string, TSchema>>;
    readonly patternProperties?: Readonly<Record<string, TSchema>>;
    readonly items?: TSchema;
    readonly anyOf?: readonly TSchema[];
  };
  // The kernel normalizes the whole node to a Timestamp.
  if (timeBoundKeyword in node) return [];
  const members = { ...node.patternProperties, ...node.properties };
  const isTime = /^(?:date|time|iso-)/.test(node.format ?? "") || timeName.test(path.at(-1) ?? "");
  return [
    ...(node.type === "string" && isTime && node.format !== timestampFormat ? [path.join(".")] : []),
    ...Object.entries(members).flatMap(([name, member]) => otherTimes(member, [...path, name])),
    ...(node.items === undefined ? [] : otherTimes(node.items, path)),
    ...(node.anyOf ?? []).flatMap((member) => otherTimes(member, path)),
  ];
}

function unique<Item>(items: readonly Item[], keyOf: (item: Item) => string, what: string, issues: string[]): Map<string, Item> {
  const found = new Map<string, Item>();
  for (const item of items) {
    const key = keyOf(item);
    if (found.has(key)) issues.push(`${what} ${key} is declared twice`);
    found.set(key, item);
  }
  return found;
}
