import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import {
  type AuthorizationModel,
  type Condition,
  issuesOfCondition,
  type PermissionNode,
  type Relationship,
  type ResourceRef,
  type RoleRule,
  type SubjectRef,
} from "../../../packages/policy/src/index.ts";
import type { Answer, Attributes, Question, Role, Subject, World } from "./world.ts";

const folder = new URL("../../../packages/policy/corpus/", import.meta.url);

/** A file of the corpus with every shorthand expanded. packages/policy/corpus/README.md describes the format. */
export interface CorpusFile extends World {
  readonly name: string;
  readonly subjects: ReadonlyMap<string, Subject>;
  /** Rows by type and id. */
  readonly resources: readonly Row[];
  readonly cases: readonly Case[];
  readonly refused: readonly Refusal[];
}

export interface Row extends ResourceRef {
  readonly attributes: Attributes;
}

export interface Case extends Question {
  readonly name: string;
  readonly expect: Answer;
  /** Why a surface does not answer as expected yet, by the prefix of its name. */
  readonly known: Readonly<Record<string, string>>;
}

/** A model that must be refused, and the path that the error must name. */
export interface Refusal {
  readonly name: string;
  readonly model: AuthorizationModel;
  readonly field: string;
}

export const loadCorpus = (): CorpusFile[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".yaml"))
    .sort()
    .map((name) => readCorpusFile(name, readFileSync(new URL(name, folder), "utf8")));

// The file format. Unknown fields are refused, so that a typing error is not ignored.

type WrittenTree = { readonly [value: string]: WrittenTree | null };
type WrittenCondition =
  | readonly unknown[]
  | { readonly all: readonly WrittenCondition[] }
  | { readonly any: readonly WrittenCondition[] }
  | { readonly not: WrittenCondition };
type WrittenRule = string | { readonly allow?: string; readonly deny?: string; readonly when?: WrittenCondition };
type WrittenRole = readonly WrittenRule[] | { readonly name: string; readonly rules: readonly WrittenRule[] };
type WrittenRoles = readonly (string | null)[];
interface WrittenTenant {
  readonly id?: string | null;
  readonly status?: string | null;
  readonly attributes?: Attributes;
  readonly entitlements?: Attributes;
}
interface WrittenUser {
  readonly id?: string;
  readonly status?: string | null;
  readonly attributes?: Attributes;
  readonly roles?: WrittenRoles | { readonly [tenant: string]: WrittenRoles };
}
interface WrittenFact {
  readonly fact?: string;
  readonly resource?: ResourceRef;
  readonly relation?: string;
  readonly subject?: SubjectRef;
  readonly when?: WrittenCondition;
  readonly until?: string;
}
interface WrittenSeries {
  readonly each: string;
  readonly from: number;
  readonly to: number;
}
interface WrittenCase {
  readonly name: string;
  readonly subject?: string;
  readonly tenant?: string;
  readonly action: string;
  /** Null removes a default. */
  readonly resource?: string | { readonly type?: string; readonly id?: string; readonly attributes?: Attributes } | null;
  readonly request?: Attributes | null;
  readonly session?: Attributes | null;
  readonly scopes?: readonly string[];
  readonly now?: string;
  readonly expect: string | { readonly error: string; readonly fields?: readonly string[] };
  readonly known?: Readonly<Record<string, string>>;
}
interface WrittenFile {
  readonly now?: string;
  readonly permissions: WrittenTree;
  readonly model?: AuthorizationModel;
  readonly roles?: { readonly [id: string]: WrittenRole };
  readonly tenants: { readonly [name: string]: WrittenTenant | null };
  readonly users?: { readonly [name: string]: WrittenUser | WrittenRoles | null };
  /** Service accounts, written as users are. */
  readonly services?: { readonly [name: string]: WrittenUser | WrittenRoles | null };
  readonly relationships?: readonly (string | WrittenFact | WrittenSeries)[];
  readonly resources?: { readonly [type: string]: { readonly [id: string]: Attributes | null } };
  readonly defaults?: Partial<WrittenCase>;
  readonly cases: readonly WrittenCase[];
  readonly refused?: readonly { readonly name: string; readonly model: AuthorizationModel; readonly field: string }[];
}

const fields = {
  file: [
    "now",
    "permissions",
    "model",
    "roles",
    "tenants",
    "users",
    "services",
    "relationships",
    "resources",
    "defaults",
    "cases",
    "refused",
  ],
  rule: ["allow", "deny", "when"],
  tenant: ["id", "status", "attributes", "entitlements"],
  user: ["id", "status", "attributes", "roles"],
  fact: ["fact", "resource", "relation", "subject", "when", "until"],
  case: ["name", "subject", "tenant", "action", "resource", "request", "session", "scopes", "now", "expect", "known"],
} as const;

/** The default time of a file: Monday morning in Ho Chi Minh City. */
const someMoment = "2026-03-02T02:00:00Z";

export function readCorpusFile(name: string, text: string): CorpusFile {
  const written = parse(text) as WrittenFile;
  checkFields(written, fields.file, name);
  const roles = new Map(Object.entries(written.roles ?? {}).map(([id, role]) => [id, readRole(id, role, `${name}: role ${id}`)]));
  const subjects = readSubjects(written, roles, name);
  const resources = Object.entries(written.resources ?? {}).flatMap(([type, rows]) =>
    Object.entries(rows).map(([id, attributes]): Row => ({ type, id, attributes: attributes ?? {} })),
  );
  const { model = {}, refused = [] } = written;
  const world = { permissions: readTree(written.permissions, null), model, relationships: readFacts(written.relationships ?? [], name) };
  const cases = written.cases.map((each) => readCase({ ...written.defaults, ...each }, written, subjects, resources, name));
  const names = cases.map((each) => each.name);
  const twice = names.find((each, index) => names.indexOf(each) !== index);
  if (twice !== undefined) throw new Error(`${name}: two cases are called '${twice}'`);
  return { ...world, name, subjects, resources, cases, refused };
}

const readTree = (tree: WrittenTree, parent: string | null): PermissionNode[] =>
  Object.entries(tree).flatMap(([value, below]) => [{ value, parent }, ...readTree(below ?? {}, value)]);

function readRole(id: string, written: WrittenRole, at: string): Role {
  const { name, rules } = "rules" in written ? written : { name: id, rules: written };
  return {
    id,
    name,
    rules: rules.map((rule): RoleRule => {
      if (typeof rule === "string") return { permission: rule, effect: "allow" };
      checkFields(rule, fields.rule, at);
      const effect = rule.allow === undefined ? "deny" : "allow";
      return { permission: String(rule[effect]), effect, condition: rule.when === undefined ? null : readCondition(rule.when, at) };
    }),
  };
}

/** Throws if the engine would refuse the condition. */
function readCondition(written: WrittenCondition, at: string): Condition {
  const condition = expand(written);
  const issues = issuesOfCondition(condition);
  if (issues.length > 0) throw new Error(`${at}: ${issues.map(({ field, message }) => `condition ${field} ${message}`).join("; ")}`);
  return condition;
}

/** `[left, operator, right, zone]`, or all, any and not of such. */
function expand(written: WrittenCondition): Condition {
  if (Array.isArray(written)) {
    const [left, operator, right, zone] = written;
    return { operator, left, ...(right === undefined ? {} : { right }), ...(zone === undefined ? {} : { zone }) };
  }
  if ("all" in written) return { all: written.all.map(expand) };
  if ("any" in written) return { any: written.any.map(expand) };
  return { not: expand((written as { readonly not: WrittenCondition }).not) };
}

const subjectKey = (user: string, tenant: string): string => JSON.stringify([user, tenant]);

/** Every user and service account in every tenant. */
function readSubjects(written: WrittenFile, roles: ReadonlyMap<string, Role>, file: string): Map<string, Subject> {
  const subjects = new Map<string, Subject>();
  for (const [tenantName, tenant] of Object.entries(written.tenants)) {
    checkFields(tenant ?? {}, fields.tenant, `${file}: tenant ${tenantName}`);
    const { users = {}, services = {} } = written;
    const twice = Object.keys(services).find((name) => Object.hasOwn(users, name));
    if (twice !== undefined) throw new Error(`${file}: a user and a service account are both called ${twice}`);
    for (const [userName, each] of Object.entries({ ...users, ...services })) {
      const user: WrittenUser = Array.isArray(each) ? { roles: each } : ((each ?? {}) as WrittenUser);
      checkFields(user, fields.user, `${file}: user ${userName}`);
      const held = Array.isArray(user.roles)
        ? (user.roles as WrittenRoles)
        : (user.roles as { [tenant: string]: WrittenRoles })?.[tenantName];
      subjects.set(subjectKey(userName, tenantName), {
        user: {
          id: user.id ?? userName,
          ...(Object.hasOwn(services, userName) ? { kind: "service" as const } : {}),
          status: statusOf(user),
          attributes: user.attributes ?? {},
        },
        tenant: {
          id: tenant?.id === undefined ? tenantName : tenant.id,
          status: statusOf(tenant ?? {}),
          attributes: tenant?.attributes ?? {},
          entitlements: tenant?.entitlements,
        },
        roles: held?.map((id) => (id === null ? undefined : found(roles.get(id), `${file}: user ${userName}: role ${id}`))),
      });
    }
  }
  return subjects;
}

/** Active by default; null is an unknown status. */
const statusOf = ({ status }: { readonly status?: string | null }): string | undefined =>
  status === undefined ? "Active" : (status ?? undefined);

const readFacts = (written: readonly (string | WrittenFact | WrittenSeries)[], file: string): Relationship[] =>
  written.flatMap((each) => {
    if (typeof each === "string") return [readFact({ fact: each }, file)];
    if (!("each" in each)) return [readFact(each, file)];
    return Array.from({ length: each.to - each.from + 1 }, (_, index) => {
      const n = each.from + index;
      return readFact({ fact: each.each.replaceAll("{n}", String(n)).replaceAll("{n+1}", String(n + 1)) }, file);
    });
  });

const plainFact = /^([^:#@|\s]+):([^:#@|\s]+)#([^:#@|\s]+)@([^:#@|\s]+):([^:#@|\s]+)(?:#([^:#@|\s]+))?$/;

/** `Camera:gate#viewer@user:an`, or separate fields if an id has separators. */
function readFact(written: WrittenFact, file: string): Relationship {
  checkFields(written, fields.fact, `${file}: relationship`);
  const at = `${file}: relationship ${written.fact ?? JSON.stringify(written.resource)}`;
  const conditions = {
    ...(written.when === undefined ? {} : { condition: readCondition(written.when, at) }),
    ...(written.until === undefined ? {} : { expiresAt: moment(written.until) }),
  };
  if (written.fact === undefined) {
    const { resource, relation, subject } = written;
    return { resource: found(resource, at), relation: found(relation, at), subject: found(subject, at), ...conditions };
  }
  const [, type, id, relation, subjectType, subjectId, subjectRelation] = found(
    plainFact.exec(written.fact) ?? undefined,
    at,
  ) as unknown as string[];
  return {
    resource: { type: found(type, at), id: found(id, at) },
    relation: found(relation, at),
    subject: {
      type: found(subjectType, at),
      id: found(subjectId, at),
      ...(subjectRelation === undefined ? {} : { relation: subjectRelation }),
    },
    ...conditions,
  };
}

function readCase(
  written: WrittenCase,
  { tenants, now }: WrittenFile,
  subjects: ReadonlyMap<string, Subject>,
  rows: readonly Row[],
  file: string,
): Case {
  const at = `${file}: ${written.name}`;
  checkFields(written, fields.case, at);
  const tenant = written.tenant ?? found(Object.keys(tenants)[0], at);
  return {
    name: written.name,
    subject: found(subjects.get(subjectKey(found(written.subject, at), tenant)), `${at}: subject`),
    action: written.action,
    resource: readResource(written.resource, rows),
    request: written.request ?? undefined,
    session: written.session ?? undefined,
    scopes: written.scopes,
    now: moment(written.now ?? now ?? someMoment),
    expect: readAnswer(written.expect, at),
    known: written.known ?? {},
  };
}

/** `Camera:gate` or `Camera`, or separate fields. Missing attributes are those of the row, if it exists. */
function readResource(written: WrittenCase["resource"], rows: readonly Row[]): Question["resource"] {
  if (written === undefined || written === null) return undefined;
  const colon = typeof written === "string" ? written.indexOf(":") : -1;
  const resource =
    typeof written !== "string" ? written : colon < 0 ? { type: written } : { type: written.slice(0, colon), id: written.slice(colon + 1) };
  const row = rows.find(({ type, id }) => type === resource.type && id === resource.id);
  return row ? { attributes: row.attributes, ...resource } : resource;
}

/** `allowed by grant`, `denied by condition`, or an error with the fields that it names. */
function readAnswer(written: WrittenCase["expect"], at: string): Answer {
  if (typeof written !== "string") return { error: written.error, fields: written.fields && [...written.fields].sort() };
  const [, outcome, reason] = found(/^(allowed|denied) by (\w+)$/.exec(written) ?? undefined, `${at}: expect`) as unknown as string[];
  return { allowed: outcome === "allowed", reason: found(reason, at) };
}

/** Times are texts with a zone, in YAML and in the corpus. */
function moment(written: string): number {
  const time = Date.parse(written);
  if (Number.isNaN(time) || !/(?:Z|[+-]\d\d:\d\d)$/.test(written)) throw new Error(`'${written}' is not a moment with its zone`);
  return time;
}

function checkFields(written: object, known: readonly string[], at: string): void {
  const unknown = Object.keys(written).filter((key) => !known.includes(key));
  if (unknown.length > 0) throw new Error(`${at}: there is no field ${unknown.join(", ")}`);
}

function found<T>(value: T | undefined, at: string): T {
  if (value === undefined) throw new Error(`${at} is missing or cannot be read`);
  return value;
}
