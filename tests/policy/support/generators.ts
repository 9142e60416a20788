import fc from "fast-check";
import type {
  AuthorizationModel,
  Comparison,
  Condition,
  EntitlementRule,
  Operand,
  PermissionNode,
  Relation,
  RelationExpression,
  Relationship,
  Requirement,
  ResourceType,
  RoleRule,
  SubjectRef,
} from "../../../packages/policy/src/index.ts";
import type { Attributes, Question, Role, Subject, World } from "./world.ts";

/**
 * Worlds that are small enough for everything to interact: two types with three relations, two resources of each, two users, three
 * roles, and conditions on seven attributes that are sometimes missing or of the wrong type.
 */
export interface Generated extends World {
  readonly questions: readonly Question[];
}

const now = Date.UTC(2026, 2, 2, 2);
const permissions: readonly PermissionNode[] = [
  { value: "Doc", parent: null },
  { value: "Doc.Read", parent: "Doc" },
  { value: "Doc.Write", parent: "Doc" },
  { value: "Doc.Write.Title", parent: "Doc.Write" },
  { value: "Box.Open", parent: null },
];
const actions = permissions.map(({ value }) => value);
const types = ["Doc", "Box"] as const;
const relationNames = ["a", "b", "c"] as const;
export const ids = ["1", "2"] as const;
const userIds = ["u1", "u2"] as const;
const roleIds = ["r1", "r2", "r3"] as const;

const oneOf = <T>(values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const some = <T>(values: readonly T[], minLength = 0): fc.Arbitrary<T[]> => fc.subarray([...values], { minLength });
const seldom = <T>(weight: number, value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 10 - weight, arbitrary: fc.constant(undefined) }, { weight, arbitrary: value });

// Attributes. Each has a type for conditions, and sometimes a value of another type.

const values = {
  text: ["", "a", "b", "ab"],
  number: [-1, 0, 1, 2.5],
  flag: [true, false],
  list: [[], ["a"], ["b", "a"]],
  numbers: [[], [1], [0, 1]],
  time: ["2026-03-02T02:00:00Z", "2026-03-02T08:59:59.999+07:00", "2026-03-01", now - 60_000, now + 1],
  address: ["10.0.0.1", "10.1.0.0", "::ffff:10.0.0.1", "2001:db8::1"],
} as const;
type Name = keyof typeof values;
const names = Object.keys(values) as Name[];
const literalsOf = (name: Name): readonly Operand[] => values[name] as readonly Operand[];
const wrong: readonly unknown[] = [null, {}, [["a"]], "?", 7, true, "2026-02-30", "10.0.0.256"];

const attributes: fc.Arbitrary<Attributes> = fc
  .tuple(
    ...names.map((name) =>
      fc.oneof(
        { weight: 12, arbitrary: oneOf<unknown>(values[name]) },
        { weight: 2, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: oneOf(wrong) },
      ),
    ),
  )
  .map((drawn) => Object.fromEntries(names.map((name, index) => [name, drawn[index]]).filter(([, value]) => value !== undefined)));

// Conditions.

const roots = ["$user", "$tenant", "$request", "$session", "$resource"] as const;
const placeholder = (name: Name, from: readonly string[] = roots): fc.Arbitrary<string> => oneOf(from.map((root) => `${root}.${name}`));
const operand = (name: Name): fc.Arbitrary<Operand> => fc.oneof(placeholder(name), oneOf(literalsOf(name)));

const compared = (operators: readonly Comparison["operator"][], left: Name, right: Name = left): fc.Arbitrary<Comparison> =>
  fc.record({ operator: oneOf(operators), left: placeholder(left), right: operand(right) });

const comparison: fc.Arbitrary<Comparison> = fc.oneof(
  compared(["equals", "not_equals", "starts_with", "ends_with", "includes"], "text"),
  compared(["equals", "not_equals", "less_than", "at_most", "greater_than", "at_least"], "number"),
  compared(["equals", "not_equals"], "flag"),
  compared(["in", "not_in"], "text", "list"),
  compared(["in", "not_in"], "number", "numbers"),
  compared(["contains"], "list", "text"),
  compared(["contains_any", "contains_all"], "list"),
  compared(["contains_any", "contains_all"], "numbers"),
  compared(["before", "after"], "time"),
  fc.record({
    operator: fc.constant("within_last" as const),
    left: placeholder("time"),
    right: fc.oneof(placeholder("number", ["$user", "$request"]), oneOf<Operand>([0, 60])),
  }),
  fc.record({ operator: oneOf(["before", "after"] as const), left: fc.constant("$now"), right: operand("time") }),
  fc.record({ operator: fc.constant("exists" as const), left: fc.oneof(...names.map((name) => placeholder(name))) }),
  fc.record({
    operator: fc.constant("in_network" as const),
    left: placeholder("address"),
    right: oneOf<Operand>(["10.0.0.0/16", ["10.1.0.0/24", "2001:db8::/32"], "::ffff:10.0.0.0/112", "10.0.0.1"]),
  }),
  fc.record({
    operator: fc.constant("time_of_day_between" as const),
    left: fc.oneof(fc.constant("$now"), placeholder("time", ["$user", "$request"])),
    right: oneOf<Operand>([
      ["08:00", "17:30"],
      ["22:00", "02:01"],
      ["00:00", "24:00"],
    ]),
    zone: oneOf(["UTC", "Asia/Ho_Chi_Minh", "America/St_Johns"]),
  }),
  fc.record({
    operator: fc.constant("weekday_in" as const),
    left: fc.oneof(fc.constant("$now"), placeholder("time", ["$user", "$request"])),
    right: oneOf<Operand>([["mon"], ["sat", "sun"]]),
    zone: oneOf(["UTC", "Asia/Ho_Chi_Minh"]),
  }),
);

const condition: fc.Arbitrary<Condition> = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { depthSize: "small", maxDepth: 2 },
    { weight: 6, arbitrary: comparison },
    { weight: 1, arbitrary: fc.record({ all: fc.array(tie("condition"), { minLength: 1, maxLength: 2 }) }) },
    { weight: 1, arbitrary: fc.record({ any: fc.array(tie("condition"), { minLength: 1, maxLength: 2 }) }) },
    { weight: 1, arbitrary: fc.record({ not: tie("condition") }) },
  ),
})).condition;

// The model.

const subjects = [
  "user",
  "user",
  "user:*",
  "service",
  "role",
  ...types,
  ...types.flatMap((type) => relationNames.map((name) => `${type}#${name}`)),
];

/**
 * Only draws names that exist, and names of the same resource only forwards: a relation that refers to itself is refused, and most
 * models would be. At least one of them must exist.
 */
function expression(names: readonly string[], through: readonly (readonly [string, string])[]): fc.Arbitrary<RelationExpression> {
  return fc.letrec<{ expression: RelationExpression }>((tie) => ({
    expression: fc.oneof(
      { depthSize: "small", maxDepth: 2 },
      ...(names.length > 0 ? [{ weight: 5, arbitrary: oneOf(names) }] : []),
      ...(through.length > 0 ? [{ weight: 3, arbitrary: oneOf(through.map(([way, relation]) => ({ through: way, relation }))) }] : []),
      { weight: 1, arbitrary: fc.record({ any: fc.array(tie("expression"), { minLength: 1, maxLength: 2 }) }) },
      { weight: 1, arbitrary: fc.record({ all: fc.array(tie("expression"), { minLength: 1, maxLength: 2 }) }) },
      { weight: 1, arbitrary: fc.record({ base: tie("expression"), except: tie("expression") }) },
    ),
  })).expression;
}

const resourceType: fc.Arbitrary<ResourceType> = fc.tuple(...relationNames.map(() => some(subjects, 1))).chain((declared) => {
  const leading = relationNames.filter((_, index) => declared[index]?.some((subject) => types.includes(subject as "Doc")));
  const through = leading.flatMap((way) => relationNames.map((relation) => [way, relation] as const));
  const drawn = expression(relationNames, through);
  const forwards = (index: number): fc.Arbitrary<RelationExpression | undefined> => {
    const names = relationNames.slice(index + 1);
    return names.length + through.length === 0 ? fc.constant(undefined) : seldom(4, expression(names, through));
  };
  const relation = (index: number): fc.Arbitrary<Relation> =>
    forwards(index).map((from) => ({ subjects: [...new Set(declared[index])], ...(from === undefined ? {} : { from }) }));
  const rule = fc
    .tuple(seldom(9, drawn), seldom(4, drawn))
    .filter(([allow, deny]) => allow !== undefined || deny !== undefined)
    .map(([allow, deny]) => ({ ...(allow === undefined ? {} : { allow }), ...(deny === undefined ? {} : { deny }) }));
  return fc.record({
    relations: fc.record({ a: relation(0), b: relation(1), c: relation(2) }),
    permissions: fc.dictionary(oneOf(actions), rule, { minKeys: 3, maxKeys: 5, noNullPrototype: true }),
  });
});

const entitlementRule: fc.Arbitrary<EntitlementRule> = fc.oneof(
  fc.record({ feature: oneOf(["export", "seats"]) }),
  fc.record({ limit: oneOf(["seats", "export"]), current: placeholder("number", ["$request", "$resource"]) }),
);

const sessionRule = fc.record({ anyMethod: fc.constant(["pwd", "hwk"]), maxAgeSeconds: oneOf([0, 60, 3_600]) }, { requiredKeys: [] });

const requirement: fc.Arbitrary<Requirement> = fc
  .tuple(fc.array(entitlementRule, { maxLength: 2 }), seldom(3, sessionRule))
  .map(([entitlements, strength]) => ({ entitlements, ...(strength === undefined ? {} : { session: strength }) }));

const model: fc.Arbitrary<AuthorizationModel> = fc.record({
  resourceTypes: fc.record({ Doc: resourceType, Box: resourceType }),
  requirements: fc.dictionary(oneOf(actions), requirement, { maxKeys: 2, noNullPrototype: true }),
});

// Facts.

const subjectRef: fc.Arbitrary<SubjectRef> = fc.oneof(
  { weight: 7, arbitrary: fc.record({ type: fc.constant("user"), id: oneOf([...userIds, "*"]) }) },
  // With ids of users: only the kind distinguishes a service account from a user.
  { weight: 2, arbitrary: fc.record({ type: fc.constant("service"), id: oneOf(userIds) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("role"), id: oneOf(roleIds) }) },
  { weight: 3, arbitrary: fc.record({ type: oneOf(types), id: oneOf(ids) }) },
  { weight: 4, arbitrary: fc.record({ type: oneOf(types), id: oneOf(ids), relation: oneOf(relationNames) }) },
);

const relationship: fc.Arbitrary<Relationship> = fc.record({
  resource: fc.record({ type: oneOf(types), id: oneOf(ids) }),
  relation: oneOf(relationNames),
  subject: subjectRef,
  condition: seldom(2, condition).map((drawn) => drawn ?? null),
  expiresAt: seldom(2, oneOf([now - 1, now, now + 1])).map((drawn) => drawn ?? null),
});

const rule: fc.Arbitrary<RoleRule> = fc.record({
  permission: oneOf(actions),
  effect: fc.oneof({ weight: 3, arbitrary: fc.constant("allow" as const) }, { weight: 1, arbitrary: fc.constant("deny" as const) }),
  condition: seldom(6, condition).map((drawn) => drawn ?? null),
});

const roles: fc.Arbitrary<Role[]> = fc
  .tuple(...roleIds.map(() => fc.array(rule, { maxLength: 2 })))
  .map((rules) => roleIds.map((id, index) => ({ id, name: `role ${id}`, rules: rules[index] ?? [] })));

/** At most one fact about a subject is invalid; the corpus covers combinations. */
const subject = (all: readonly Role[]): fc.Arbitrary<Subject> =>
  fc
    .record({
      id: oneOf(userIds),
      kind: seldom(2, fc.constant("service" as const)),
      tenantId: oneOf(["t1", null]),
      user: attributes,
      tenant: attributes,
      entitlements: seldom(
        8,
        fc.record({ export: oneOf<unknown>([true, false, 2]), seats: oneOf<unknown>([0, 1, 2, "unlimited"]) }, { requiredKeys: [] }),
      ),
      held: some(all, 1),
      issue: seldom(1, oneOf(["user", "tenant", "user unknown", "tenant unknown", "role", "membership", "no role"] as const)),
    })
    .map(({ id, kind, tenantId, user, tenant, entitlements, held, issue }) => ({
      user: {
        id,
        ...(kind === undefined ? {} : { kind }),
        status: issue === "user" ? "Inactive" : issue === "user unknown" ? undefined : "Active",
        attributes: user,
      },
      tenant: {
        id: tenantId,
        status: issue === "tenant" ? "Suspended" : issue === "tenant unknown" ? undefined : "Active",
        attributes: tenant,
        entitlements,
      },
      roles: issue === "membership" ? undefined : issue === "no role" ? [] : issue === "role" ? [...held, undefined] : held,
    }));

const session: fc.Arbitrary<Attributes> = fc
  .tuple(
    attributes,
    fc.record(
      {
        methods: oneOf([["pwd"], ["pwd", "mfa"], ["hwk"]]),
        authenticatedAt: oneOf<unknown>([now, now - 60_000, now - 60_001, "2026-03-02T02:00:01Z"]),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([all, strength]) => ({ ...all, ...strength }));

const question = (all: readonly Role[]): fc.Arbitrary<Question> =>
  fc.record({
    subject: subject(all),
    action: fc.oneof({ weight: 40, arbitrary: oneOf(actions) }, { weight: 1, arbitrary: fc.constant("Doc.Burn") }),
    resource: seldom(
      9,
      fc.record({
        type: fc.oneof(
          { weight: 30, arbitrary: oneOf<string | undefined>(types) },
          { weight: 2, arbitrary: fc.constant(undefined) },
          { weight: 1, arbitrary: fc.constant("Door") },
        ),
        id: fc.oneof({ weight: 9, arbitrary: oneOf<string | undefined>(ids) }, { weight: 1, arbitrary: fc.constant(undefined) }),
        attributes,
      }),
    ),
    request: seldom(9, attributes),
    session: seldom(9, session),
    scopes: seldom(2, some([...actions, "Doc.Burn"])),
    now: fc.constant(now),
  });

export const questionsAWorld = 4;

export const generated: fc.Arbitrary<Generated> = roles.chain((all) =>
  fc.record({
    permissions: fc.constant(permissions),
    model,
    relationships: fc.array(relationship, { minLength: 6, maxLength: 18, size: "max" }),
    questions: fc.array(question(all), { minLength: questionsAWorld, maxLength: questionsAWorld }),
  }),
);

// Worlds of cycles only: caching during the evaluation of a cycle is a typical error of engines.

const knots = ["1", "2", "3", "4"] as const;
const inCircles: AuthorizationModel = {
  resourceTypes: {
    Doc: {
      relations: {
        a: { subjects: ["user", "Doc#a", "Doc#b"] },
        b: { subjects: ["user", "Doc#a", "Doc#b"], from: { through: "c", relation: "a" } },
        c: { subjects: ["Doc"] },
        both: { subjects: ["Doc#both"], from: { all: ["a", "b"] } },
        one: { from: { base: { any: ["a", "b"] }, except: "both" } },
      },
      permissions: {
        "Doc.Read": { allow: { all: ["b", "a"] } },
        "Doc.Write": { allow: { any: ["both", { through: "c", relation: "both" }] } },
        "Doc.Write.Title": { allow: "one" },
      },
    },
  },
};

const link: fc.Arbitrary<Relationship> = fc
  .tuple(oneOf(knots), oneOf(["a", "b", "c", "a", "b", "both"]), oneOf(knots), oneOf(["a", "b"]), fc.nat(9))
  .map(([id, relation, to, set, kind]) => ({
    resource: { type: "Doc", id },
    relation,
    subject:
      relation === "c"
        ? { type: "Doc", id: to }
        : relation === "both"
          ? { type: "Doc", id: to, relation }
          : kind <= 1
            ? { type: "user", id: "u1" }
            : { type: "Doc", id: to, relation: set },
    condition: kind === 1 || kind === 2 ? { operator: "equals", left: "$request.flag", right: true } : null,
  }));

/** Every action on every resource. */
export const circles: fc.Arbitrary<Generated> = fc
  .tuple(fc.array(link, { minLength: 5, maxLength: 12, size: "max" }), oneOf([{ flag: true }, { flag: false }, {}]))
  .map(([relationships, request]) => {
    const member: Subject = {
      user: { id: "u1", status: "Active", attributes: {} },
      tenant: { id: "t1", status: "Active", attributes: {}, entitlements: undefined },
      roles: [{ id: "r1", name: "role r1", rules: [] }],
    };
    const about = { subject: member, request, session: undefined, scopes: undefined, now };
    const questions = ["Doc.Read", "Doc.Write", "Doc.Write.Title"].flatMap((action) =>
      knots.map((id): Question => ({ ...about, action, resource: { type: "Doc", id } })),
    );
    return { permissions, model: inCircles, relationships, questions };
  });
