import { type Enforcer, newEnforcer, newModelFromString } from "casbin";
import type { Contestant } from "./contest.ts";
import type { School } from "./school.ts";

/** The cheapest condition comes first: most rules are about another action. */
const model = `
[request_definition]
r = sub, act, req

[policy_definition]
p = sub, act, rule

[role_definition]
g = _, _

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = r.act == p.act && g(r.sub.id, p.sub) && (p.rule == "plain" || r.req.class_id == r.sub.class_id)
`;

export async function casbin(school: School): Promise<Contestant> {
  const enforcer: Enforcer = await newEnforcer(newModelFromString(model));
  for (const { id, entity, plain, conditional } of school.roles) {
    await enforcer.addPolicies(plain.map((verb) => [id, `${entity}.${verb}`, "plain"]));
    await enforcer.addPolicy(id, `${entity}.${conditional}`, "own class");
  }
  await enforcer.addGroupingPolicies(school.subjects.flatMap(({ id, roles }) => roles.map((role) => [id, role.id])));
  const subjects = school.subjects.map(({ id, classId }) => ({ id, class_id: classId }));
  const questions = school.questions.map(({ subject, action, classId }) => ({ subject, action, request: { class_id: classId } }));
  return {
    name: "casbin",
    count(from, to) {
      let allowed = 0;
      for (let index = from; index < to; index += 1) {
        const { subject, action, request } = questions[index] as (typeof questions)[number];
        if (enforcer.enforceSync(subjects[subject], action, request)) allowed += 1;
      }
      return allowed;
    },
  };
}
