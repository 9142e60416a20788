import {
  compilePolicy,
  compileRules,
  type Decision,
  decide,
  type Pending,
  type Policy,
  pendingDecision,
  type RequestContext,
  type RoleFacts,
  type RoleRule,
  type SubjectFacts,
  View,
} from "@gatehouse/policy";
import type { Contestant } from "./contest.ts";
import type { Question, Role, School, Subject } from "./school.ts";

const ofOwnClass = { operator: "equals", left: "$request.class_id", right: "$user.class_id" } as const;

const given = ({ entity, plain, conditional }: Role): RoleRule[] => [
  ...plain.map((verb): RoleRule => ({ permission: `${entity}.${verb}`, effect: "allow" })),
  { permission: `${entity}.${conditional}`, effect: "allow", condition: ofOwnClass },
];

/** A typical permission tree: every entity, with its actions below it. */
const policyOf = ({ roles }: School): Policy =>
  compilePolicy(
    roles.flatMap((role) => [
      { value: role.entity, parent: null },
      ...given(role).map(({ permission }) => ({ value: permission, parent: role.entity })),
    ]),
  );

const factsOf = ({ id, classId }: Subject, roles: readonly RoleFacts[]): SubjectFacts => ({
  user: { id, status: "Active", attributes: { class_id: classId } },
  tenant: { id: "school", status: "Active" },
  roles,
});

const contextOf = ({ classId }: Question): RequestContext => ({ request: { class_id: classId } });

const isAllowed = (decision: Decision | Pending): boolean => decision !== pendingDecision && decision.allowed;

/** The view of every subject is cached. */
export function warm(school: School): Contestant {
  const policy = policyOf(school);
  const roleOf = new Map(school.roles.map((role) => [role, compiledRole(role, given(role))]));
  const views = school.subjects.map(
    (subject) =>
      new View(
        policy,
        factsOf(
          subject,
          subject.roles.map((role) => roleOf.get(role) as RoleFacts),
        ),
      ),
  );
  const questions = school.questions.map((question) => ({
    subject: question.subject,
    action: question.action,
    context: contextOf(question),
  }));
  return {
    name: "gatehouse",
    count(from, to) {
      let allowed = 0;
      for (let index = from; index < to; index += 1) {
        const { subject, action, context } = questions[index] as (typeof questions)[number];
        if (isAllowed(decide(views[subject] as View, action, context))) allowed += 1;
      }
      return allowed;
    },
  };
}

/** Every question is the first of its subject. The roles are compiled already. */
export function cold(school: School): Contestant {
  const { policy, held, rulesOf } = stored(school);
  const roles = new Map([...rulesOf].map(([role, rules]) => [role, compiledRole(role, rules)]));
  const rolesOf = held.map((ofSubject) => ofSubject.map((role) => roles.get(role) as RoleFacts));
  return coldWith("gatehouse, roles shared", school, policy, (subject) => rolesOf[subject] as RoleFacts[]);
}

/** The same with a combination of roles that no subject had before. */
export function coldCombination(school: School): Contestant {
  const { policy, held, rulesOf } = stored(school);
  const roles = new Map([...rulesOf].map(([role, rules]) => [role, compiledRole(role, rules)]));
  const rolesOf = held.map((ofSubject) => ofSubject.map((role) => roles.get(role) as RoleFacts));
  return coldWith("gatehouse, a new combination of roles", school, policy, (subject) =>
    (rolesOf[subject] as RoleFacts[]).map((role) => ({ ...role })),
  );
}

/** The same with roles that no subject had before: they are compiled from the projection's entries. */
export function coldRoles(school: School): Contestant {
  const { policy, held, rulesOf } = stored(school);
  return coldWith("gatehouse, roles compiled again", school, policy, (subject) =>
    (held[subject] as readonly Role[]).map((role) => compiledRole(role, read(rulesOf.get(role) as RoleRule[]))),
  );
}

function stored(school: School) {
  const policy = policyOf(school);
  const rulesOf = new Map(school.roles.map((role) => [role, given(role)]));
  return { policy, rulesOf, held: school.subjects.map(({ roles }) => roles) };
}

const compiledRole = ({ id }: Role, rules: readonly RoleRule[]): RoleFacts => ({ id, name: id, rules: compileRules(rules) });

/** Conditions as new objects, like parsed JSON, so that none is compiled. */
const read = (rules: readonly RoleRule[]): RoleRule[] =>
  rules.map((rule) => (!rule.condition ? rule : { ...rule, condition: { ...rule.condition } }));

function coldWith(name: string, school: School, policy: Policy, rolesOf: (subject: number) => readonly RoleFacts[]): Contestant {
  const { subjects } = school;
  const questions = school.questions.map((question) => ({
    subject: question.subject,
    action: question.action,
    context: contextOf(question),
  }));
  return {
    name,
    count(from, to) {
      let allowed = 0;
      for (let index = from; index < to; index += 1) {
        const { subject, action, context } = questions[index] as (typeof questions)[number];
        const view = new View(policy, factsOf(subjects[subject] as Subject, rolesOf(subject)));
        if (isAllowed(decide(view, action, context))) allowed += 1;
      }
      return allowed;
    },
  };
}
