import { isIP, isIPv4 } from "node:net";
import type {
  Comparison,
  Condition,
  Operand,
  RelationExpression,
  Relationship,
  ResourceRef,
  RoleRule,
} from "../../../packages/policy/src/index.ts";
import type { Answer, Attributes, Question, Role, World } from "./world.ts";

/**
 * A literal implementation of decision 0019, for tests only. It shares types with the engine but no code, evaluates all data instead of
 * loading on demand, and is written to be obviously correct, not fast.
 */
export function decideNaively(world: World, question: Question): Answer {
  const { permissions, model } = world;
  const { subject, action, resource } = question;
  const { user, tenant } = subject;

  if (!permissions.some(({ value }) => value === action)) return { error: "unknown_permission", fields: undefined };
  if (resource?.type !== undefined && !isKnownType(world, resource.type)) return { error: "unknown_resource_type", fields: undefined };

  // 1. Membership, status, unknown roles.
  const roles = subject.roles ?? [];
  if (roles.length === 0) return deny("not_a_member");
  if (user.status === undefined || tenant.status === undefined) return deny("permission_data_unavailable");
  if (user.status !== "Active") return deny("user_inactive");
  if (tenant.status !== "Active") return deny("organization_suspended");
  if (roles.includes(undefined)) return deny("permission_data_unavailable");

  // 2. The credential.
  const lineage = lineageOf(world, action);
  if (question.scopes && !question.scopes.some((scope) => lineage.includes(scope))) return deny("key_scope");
  const requirements = lineage.flatMap((value) => Object.entries(model.requirements ?? {}).filter(([permission]) => permission === value));
  for (const [, { session }] of requirements) {
    if (session && !isSessionStrong(session, question)) return deny("session_strength");
  }

  // 3. Denials, 4. permissions.
  const environment = environmentOf(question);
  const rules = (roles as readonly Role[]).flatMap((role) => role.rules).filter(({ permission }) => lineage.includes(permission));
  const byRoles = (effect: RoleRule["effect"]): Truth =>
    or(rules.filter((rule) => rule.effect === effect).map(({ condition }) => (condition ? holds(condition, environment) : "true")));
  const relations = byRelations(world, question, environment);

  const denied = or([byRoles("deny"), relations.deny]);
  if (denied === "true") return deny("explicit_deny");
  const allowedByRole = byRoles("allow");
  const allowed = or([allowedByRole, relations.allow]);
  if (relations.isTooMuch && allowed !== "true") return { error: "evaluation_limit", fields: undefined };
  if (allowed === "false") return deny(rules.some(({ effect }) => effect === "allow") ? "condition" : "missing_permission");

  // 5. Entitlements.
  const entitlementRules = requirements.flatMap(([, { entitlements = [] }]) => entitlements);
  const plan = tenant.entitlements;
  if (entitlementRules.length > 0 && plan === undefined) return deny("entitlement_data_unavailable");
  const entitled = and(
    entitlementRules.map((rule): Truth => {
      const included = own(plan, "feature" in rule ? rule.feature : rule.limit);
      if ("feature" in rule) return truth(included === true || (typeof included === "number" && included > 0));
      if (included === "unlimited") return "true";
      if (typeof included !== "number") return "false";
      const current = readOperand(rule.current, environment);
      return isNumber(current) ? truth(current < included) : "invalid";
    }),
  );
  if (entitled === "false") return deny("entitlement");

  if ([denied, allowed, entitled].includes("invalid")) return { error: "invalid_input", fields: undefined };
  return { allowed: true, reason: allowedByRole === "true" ? "role" : "grant" };
}

/** The allowed questions: a list contains exactly those. */
export const allowedAmong = <Q extends Question>(world: World, questions: readonly Q[]): Q[] =>
  questions.filter((question) => {
    const answer = decideNaively(world, question);
    return "allowed" in answer && answer.allowed;
  });

const deny = (reason: string): Answer => ({ allowed: false, reason });

function isKnownType({ model, permissions }: World, type: string): boolean {
  return Object.keys(model.resourceTypes ?? {}).includes(type) || permissions.some(({ value }) => value.split(".")[0] === type);
}

function lineageOf({ permissions }: World, action: string): string[] {
  const lineage: string[] = [];
  let at: string | null | undefined = action;
  while (typeof at === "string" && !lineage.includes(at)) {
    lineage.push(at);
    const value: string = at;
    at = permissions.find((node) => node.value === value)?.parent;
  }
  return lineage;
}

function isSessionStrong(rule: { anyMethod?: readonly string[]; maxAgeSeconds?: number }, { session, now }: Question): boolean {
  const methods = own(session, "methods");
  if (rule.anyMethod && !(Array.isArray(methods) && methods.some((method) => rule.anyMethod?.includes(method)))) return false;
  if (rule.maxAgeSeconds === undefined) return true;
  const signedIn = moment(own(session, "authenticatedAt"));
  return signedIn !== undefined && signedIn <= now && now <= signedIn + rule.maxAgeSeconds * 1_000;
}

// Three-valued logic.

type Truth = "true" | "false" | "invalid";

const truth = (value: boolean): Truth => (value ? "true" : "false");
const or = (parts: readonly Truth[]): Truth => (parts.includes("true") ? "true" : parts.includes("invalid") ? "invalid" : "false");
const and = (parts: readonly Truth[]): Truth => (parts.includes("false") ? "false" : parts.includes("invalid") ? "invalid" : "true");
const not = (part: Truth): Truth => (part === "invalid" ? "invalid" : truth(part === "false"));

// Conditions.

type Environment = Readonly<Record<string, Attributes>> & { readonly $now: Attributes };

const environmentOf = ({ subject, request, session, resource, now }: Question): Environment => ({
  $user: { ...subject.user.attributes, id: subject.user.id, roles: subject.roles?.map((role) => role?.name) },
  $tenant: { ...subject.tenant.attributes, id: subject.tenant.id, status: subject.tenant.status },
  $session: session ?? {},
  $request: request ?? {},
  $resource: { ...resource?.attributes, id: resource?.id, type: resource?.type },
  $now: { now },
});

function own(from: unknown, name: string): unknown {
  const isObject = typeof from === "object" && from !== null && !Array.isArray(from);
  return isObject ? Object.entries(from).find(([key]) => key === name)?.[1] : undefined;
}

function readOperand(operand: Operand | undefined, environment: Environment): unknown {
  if (typeof operand === "object" && "value" in operand) return operand.value;
  if (typeof operand !== "string" || !operand.startsWith("$")) return operand;
  const [root = "", ...path] = operand === "$now" ? ["$now", "now"] : operand.split(".");
  return path.reduce<unknown>(own, environment[root]);
}

function holds(condition: Condition, environment: Environment): Truth {
  if ("all" in condition) return and(condition.all.map((part) => holds(part, environment)));
  if ("any" in condition) return or(condition.any.map((part) => holds(part, environment)));
  if ("not" in condition) return not(holds(condition.not, environment));
  return compares(condition, environment);
}

type Scalar = string | number | boolean;
const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const isText = (value: unknown): value is string => typeof value === "string";
const isScalar = (value: unknown): value is Scalar => isText(value) || isNumber(value) || typeof value === "boolean";
const isList = (value: unknown): value is Scalar[] => Array.isArray(value) && value.every(isScalar);

function compares({ operator, left, right, zone = "UTC" }: Comparison, environment: Environment): Truth {
  const a = readOperand(left, environment);
  const b = readOperand(right, environment);
  switch (operator) {
    case "exists":
      return truth(isScalar(a) || isList(a));
    case "equals":
      return isScalar(a) && isScalar(b) && typeof a === typeof b ? truth(a === b) : "invalid";
    case "not_equals":
      return isScalar(a) && isScalar(b) && typeof a === typeof b ? truth(a !== b) : "invalid";
    case "less_than":
      return isNumber(a) && isNumber(b) ? truth(a < b) : "invalid";
    case "at_most":
      return isNumber(a) && isNumber(b) ? truth(a <= b) : "invalid";
    case "greater_than":
      return isNumber(a) && isNumber(b) ? truth(a > b) : "invalid";
    case "at_least":
      return isNumber(a) && isNumber(b) ? truth(a >= b) : "invalid";
    case "in":
      return isScalar(a) && isList(b) ? truth(b.some((each) => each === a)) : "invalid";
    case "not_in":
      return isScalar(a) && isList(b) ? truth(b.every((each) => each !== a)) : "invalid";
    case "contains":
      return isList(a) && isScalar(b) ? truth(a.some((each) => each === b)) : "invalid";
    case "contains_any":
      return isList(a) && isList(b) ? truth(a.some((each) => b.some((other) => each === other))) : "invalid";
    case "contains_all":
      return isList(a) && isList(b) ? truth(b.every((each) => a.some((other) => each === other))) : "invalid";
    case "starts_with":
      return isText(a) && isText(b) ? truth(a.slice(0, b.length) === b) : "invalid";
    case "ends_with":
      return isText(a) && isText(b) ? truth(a.length >= b.length && a.slice(a.length - b.length) === b) : "invalid";
    case "includes":
      return isText(a) && isText(b) ? truth(a.split(b).length > 1 || b === "") : "invalid";
    case "before":
    case "after":
    case "within_last":
      return comparesTimes(operator, moment(a), b, environment);
    case "time_of_day_between":
    case "weekday_in": {
      const at = moment(a);
      return at === undefined ? "invalid" : truth(isOnCalendar(operator, at, b as readonly string[], zone));
    }
    case "in_network": {
      const address = isText(a) ? bitsOf(a) : undefined;
      return address === undefined ? "invalid" : truth([b].flat().some((network) => isInNetwork(address, String(network))));
    }
  }
}

// Time.

const isoTime =
  /^(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)(?:T(?<hour>\d\d):(?<minute>\d\d)(?::(?<second>\d\d)(?<fraction>\.\d{1,9})?)?(?:Z|(?<sign>[+-])(?<zoneHour>\d\d):(?<zoneMinute>\d\d)))?$/;

/** Milliseconds since 1970; undefined if the value is not a time. */
function moment(value: unknown): number | undefined {
  if (isNumber(value)) return value;
  const parts = isText(value) ? isoTime.exec(value)?.groups : undefined;
  if (!parts) return undefined;
  const { year, month, day, hour, minute, second, zoneHour, zoneMinute } = Object.fromEntries(
    Object.entries(parts).map(([name, text]) => [name, Number(text ?? 0)]),
  ) as Record<"year" | "month" | "day" | "hour" | "minute" | "second" | "zoneHour" | "zoneMinute", number>;
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const daysInMonth = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
  if (daysInMonth === undefined || day < 1 || day > daysInMonth) return undefined;
  if (hour > 23 || minute > 59 || second > 59 || zoneHour > 23 || zoneMinute > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, Math.trunc(Number(`0${parts["fraction"] ?? ""}`) * 1_000));
  const aheadMinutes = (parts["sign"] === "-" ? -1 : 1) * (zoneHour * 60 + zoneMinute);
  return date.getTime() - aheadMinutes * 60_000;
}

function comparesTimes(
  operator: "before" | "after" | "within_last",
  at: number | undefined,
  right: unknown,
  environment: Environment,
): Truth {
  if (operator === "within_last") {
    const now = environment.$now["now"] as number;
    if (at === undefined || !isNumber(right)) return "invalid";
    return truth(now - right * 1_000 <= at && at <= now);
  }
  const other = moment(right);
  if (at === undefined || other === undefined) return "invalid";
  return truth(operator === "before" ? at < other : at > other);
}

/** The zone's offset from the name that it goes by at that moment (`GMT+07:00`), then arithmetic. */
function isOnCalendar(operator: "time_of_day_between" | "weekday_in", at: number, right: readonly string[], zone: string): boolean {
  const format = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" });
  const name = format.formatToParts(at).find(({ type }) => type === "timeZoneName")?.value ?? "GMT";
  const [, sign, hours = "0", minutes = "0"] = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(name) ?? [];
  const aheadMinutes = (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  const localMinutes = Math.floor(at / 60_000) + aheadMinutes;
  if (operator === "weekday_in") {
    // 1 January 1970 was a Thursday.
    const days = ["thu", "fri", "sat", "sun", "mon", "tue", "wed"];
    return right.includes(days[modulo(Math.floor(localMinutes / 1_440), 7)] as string);
  }
  const [from, to] = right.map((text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))) as [number, number];
  const minute = modulo(localMinutes, 1_440);
  const span = modulo(to - from, 1_440) || (to > from ? 1_440 : 0);
  return modulo(minute - from, 1_440) < span;
}

const modulo = (value: number, by: number): number => ((value % by) + by) % by;

// Addresses: one number of 128 bits, an IPv4 address in its mapped form.

function bitsOf(text: string): bigint | undefined {
  if (isIP(text) === 0 || text.includes("%")) return undefined;
  if (isIPv4(text)) return 0xffffn * 2n ** 32n + v4Bits(text);
  const dotted = /[^:]*\.[^:]*$/.exec(text)?.[0];
  const hex =
    dotted === undefined ? text : text.replace(dotted, (v4Bits(dotted) + 2n ** 32n).toString(16).slice(1).replace(/^.{4}/, "$&:"));
  const [head = [], tail = []] = hex.split("::").map((half) => half.split(":").filter((group) => group !== ""));
  const groups = [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => "0"), ...tail];
  return BigInt(`0x${groups.map((group) => group.padStart(4, "0")).join("")}`);
}

const v4Bits = (text: string): bigint => text.split(".").reduce((bits, part) => bits * 256n + BigInt(part), 0n);

function isInNetwork(address: bigint, network: string): boolean {
  const [base = "", prefix] = network.split("/");
  const width = isIPv4(base) ? 32 : 128;
  const free = BigInt(width - Number(prefix ?? width));
  return address >> free === (bitsOf(base) as bigint) >> free;
}

// Relations: computed for all resources together, until nothing changes.

/** Bounds of decision 0019. */
const stepsMax = 40;
const lookupsMax = 20_000;

const keyOf = (...parts: readonly string[]): string => JSON.stringify(parts);

function byRelations(world: World, question: Question, environment: Environment): { allow: Truth; deny: Truth; isTooMuch: boolean } {
  const { resource, action } = question;
  const types = Object.entries(world.model.resourceTypes ?? {});
  const withRule = types.filter(([, { permissions = {} }]) => Object.keys(permissions).includes(action));
  const type = resource?.type ?? (withRule.length === 1 ? withRule[0]?.[0] : undefined);
  const rule = withRule.find(([name]) => name === type)?.[1].permissions?.[action];
  if (rule === undefined || type === undefined || resource?.id === undefined) {
    return { allow: "false", deny: "false", isTooMuch: false };
  }
  const at = { type, id: resource.id };
  const unexpired = world.relationships.filter(({ expiresAt }) => expiresAt == null || question.now < expiresAt);
  const relations = new Relations(world, unexpired, question, environment);
  const expressions = [rule.deny, rule.allow].filter((expression) => expression !== undefined);
  const excess = relations.excess(expressions, at);
  // Beyond the limit only the first ones are evaluated.
  relations.settle(excess === "width" ? [at] : [at, ...unexpired.flatMap(({ resource, subject }) => [resource, subject])]);
  const standing = (expression: RelationExpression | undefined): Truth =>
    expression === undefined ? "false" : relations.stands(expression, at);
  return { allow: standing(rule.allow), deny: standing(rule.deny), isTooMuch: excess !== undefined };
}

class Relations {
  readonly #world: World;
  readonly #relationships: readonly Relationship[];
  readonly #question: Question;
  readonly #environment: Environment;
  /** The relations of the subject; missing ones are false so far. */
  readonly #standing = new Map<string, Truth>();

  constructor(world: World, relationships: readonly Relationship[], question: Question, environment: Environment) {
    this.#world = world;
    this.#relationships = relationships;
    this.#question = question;
    this.#environment = environment;
  }

  /** The least fixpoint by strata: an excluded relation is computed before the one that excludes it. */
  settle(mentioned: readonly ResourceRef[]): void {
    const strata = strataOf(this.#world);
    const resources = new Map(mentioned.map(({ type, id }) => [keyOf(type, id), { type, id }]));
    for (let stratum = 0; stratum <= Math.max(0, ...strata.values()); stratum++) {
      for (let changed = true; changed; ) {
        changed = false;
        for (const resource of resources.values()) {
          for (const name of Object.keys(this.#type(resource.type).relations ?? {})) {
            if (strata.get(`${resource.type}#${name}`) !== stratum) continue;
            const key = keyOf(resource.type, resource.id, name);
            const now = this.#relation(resource, name);
            changed ||= now !== (this.#standing.get(key) ?? "false");
            this.#standing.set(key, now);
          }
        }
      }
    }
  }

  stands(expression: RelationExpression, at: ResourceRef): Truth {
    if (typeof expression === "string") return this.#standing.get(keyOf(at.type, at.id, expression)) ?? "false";
    if ("any" in expression) return or(expression.any.map((part) => this.stands(part, at)));
    if ("all" in expression) return and(expression.all.map((part) => this.stands(part, at)));
    if ("base" in expression) return and([this.stands(expression.base, at), not(this.stands(expression.except, at))]);
    return or(
      this.#of(at, expression.through)
        .filter(({ subject }) => subject.relation === undefined && this.#subjects(at, expression.through).includes(subject.type))
        .map((relationship) => and([this.stands(expression.relation, relationship.subject), this.#condition(relationship)])),
    );
  }

  #relation(at: ResourceRef, name: string): Truth {
    const subjects = this.#subjects(at, name);
    const { user } = this.#question.subject;
    const kind = user.kind ?? "user";
    const byRelationship = this.#of(at, name).map((relationship): Truth => {
      const { type, id, relation } = relationship.subject;
      const condition = this.#condition(relationship);
      if (relation !== undefined) {
        return subjects.includes(`${type}#${relation}`) ? and([this.stands(relation, { type, id }), condition]) : "false";
      }
      const isSubject =
        (type === kind && id === user.id && subjects.includes(kind)) ||
        (kind === "user" && type === "user" && id === "*" && subjects.includes("user:*")) ||
        (type === "role" && subjects.includes("role") && this.#question.subject.roles?.some((role) => role?.id === id));
      return isSubject ? condition : "false";
    });
    const from = this.#type(at.type).relations?.[name]?.from;
    return or([...byRelationship, from === undefined ? "false" : this.stands(from, at)]);
  }

  /**
   * Whether a path from the resource, or the number of relationships on it, exceeds the bound. Where the engine stops depends on the
   * order of its evaluation, so a case about a bound has only one path.
   */
  excess(expressions: readonly RelationExpression[], resource: ResourceRef): "depth" | "width" | undefined {
    const seen = new Set<string>();
    let lookups = 0;
    let open = expressions.flatMap((expression) => this.#steps(expression, resource));
    for (let steps = 0; open.length > 0; steps++) {
      const fresh = open.filter(([at, name]) => !seen.has(keyOf(at.type, at.id, name)));
      if (fresh.length > 0 && steps >= stepsMax) return "depth";
      open = [];
      for (const [at, name] of fresh) {
        const key = keyOf(at.type, at.id, name);
        if (seen.has(key)) continue;
        seen.add(key);
        const sets = this.#of(at, name).filter(({ subject }) => subject.relation !== undefined);
        lookups += sets.length;
        if (lookups > lookupsMax) return "width";
        const from = this.#type(at.type).relations?.[name]?.from;
        open.push(
          ...sets.map(({ subject }) => [subject, subject.relation as string] as const),
          ...(from === undefined ? [] : this.#steps(from, at)),
        );
      }
    }
    return undefined;
  }

  #steps(expression: RelationExpression, at: ResourceRef): (readonly [ResourceRef, string])[] {
    if (typeof expression === "string") return [[at, expression]];
    if ("any" in expression) return expression.any.flatMap((part) => this.#steps(part, at));
    if ("all" in expression) return expression.all.flatMap((part) => this.#steps(part, at));
    if ("base" in expression) return [...this.#steps(expression.base, at), ...this.#steps(expression.except, at)];
    return this.#of(at, expression.through)
      .filter(({ subject }) => subject.relation === undefined)
      .map(({ subject }) => [subject, expression.relation] as const);
  }

  #of({ type, id }: ResourceRef, relation: string): readonly Relationship[] {
    return this.#relationships.filter((each) => each.resource.type === type && each.resource.id === id && each.relation === relation);
  }

  #condition({ condition }: Relationship): Truth {
    return condition ? holds(condition, this.#environment) : "true";
  }

  #subjects({ type }: ResourceRef, relation: string): readonly string[] {
    return this.#type(type).relations?.[relation]?.subjects ?? [];
  }

  #type(type: string) {
    return Object.entries(this.#world.model.resourceTypes ?? {}).find(([name]) => name === type)?.[1] ?? {};
  }
}

/** The stratum of each relation: at least that of its operands, and above that of what it excludes. */
function strataOf({ model }: World): Map<string, number> {
  const types = model.resourceTypes ?? {};
  const strata = new Map(
    Object.entries(types).flatMap(([type, { relations = {} }]) => Object.keys(relations).map((name) => [`${type}#${name}`, 0])),
  );
  const least = (expression: RelationExpression, type: string): number => {
    if (typeof expression === "string") return strata.get(`${type}#${expression}`) ?? 0;
    if ("any" in expression) return Math.max(...expression.any.map((part) => least(part, type)));
    if ("all" in expression) return Math.max(...expression.all.map((part) => least(part, type)));
    if ("base" in expression) return Math.max(least(expression.base, type), least(expression.except, type) + 1);
    const targets = types[type]?.relations?.[expression.through]?.subjects ?? [];
    return Math.max(0, ...targets.map((target) => strata.get(`${target}#${expression.relation}`) ?? 0));
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const [type, { relations = {} }] of Object.entries(types)) {
      for (const [name, { subjects = [], from }] of Object.entries(relations)) {
        const key = `${type}#${name}`;
        const stratum = Math.max(0, ...subjects.map((subject) => strata.get(subject) ?? 0), from === undefined ? 0 : least(from, type));
        changed ||= stratum !== strata.get(key);
        strata.set(key, stratum);
      }
    }
  }
  return strata;
}
