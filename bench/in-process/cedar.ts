import {
  type CheckParseAnswer,
  preparsePolicySet,
  type StatefulAuthorizationCall,
  statefulIsAuthorized,
} from "@cedar-policy/cedar-wasm/nodejs";
import type { Contestant } from "./contest.ts";
import type { Role, School, Subject } from "./school.ts";

const policySet = "school";

/** The unconditional permissions of a role as one list of actions, which is the fastest for Cedar. */
const asList = ({ id, entity, plain }: Role): string =>
  `permit (principal in Role::"${id}", action in [${plain.map((verb) => `Action::"${entity}.${verb}"`).join(", ")}], resource);`;

/** A policy for each permission of a role, as where permissions are given one at a time. */
const oneByOne = ({ id, entity, plain }: Role): string =>
  plain.map((verb) => `permit (principal in Role::"${id}", action == Action::"${entity}.${verb}", resource);`).join("\n");

const ofOwnClass = ({ id, entity, conditional }: Role): string =>
  `permit (principal in Role::"${id}", action == Action::"${entity}.${conditional}", resource) when { context.class_id == principal.class_id };`;

/** Only policies can be cached on Cedar's side of the boundary; each call passes the one entity that it needs. */
const entitiesOf = ({ id, classId, roles }: Subject): StatefulAuthorizationCall["entities"] => [
  { uid: { type: "User", id }, attrs: { class_id: classId }, parents: roles.map((role) => ({ type: "Role", id: role.id })) },
];

export const cedar = (school: School): Contestant => cedarWith(school, asList);
export const cedarOneByOne = (school: School): Contestant => cedarWith(school, oneByOne);

function cedarWith(school: School, plainOf: (role: Role) => string): Contestant {
  const staticPolicies = school.roles.flatMap((role) => [plainOf(role), ofOwnClass(role)]).join("\n");
  const answer: CheckParseAnswer = preparsePolicySet(policySet, { staticPolicies });
  if (answer.type === "failure") throw new Error(`Cedar refused the policies: ${JSON.stringify(answer.errors)}`);
  const entities = school.subjects.map(entitiesOf);
  const calls = school.questions.map(
    ({ subject, entity, action, classId }): StatefulAuthorizationCall => ({
      principal: { type: "User", id: school.subjects[subject]?.id ?? "" },
      action: { type: "Action", id: action },
      resource: { type: "Entity", id: entity },
      context: { class_id: classId },
      preparsedPolicySetId: policySet,
      entities: entities[subject] ?? [],
    }),
  );
  return {
    name: "cedar-wasm",
    count(from, to) {
      let allowed = 0;
      for (let index = from; index < to; index += 1) {
        const outcome = statefulIsAuthorized(calls[index] as StatefulAuthorizationCall);
        if (outcome.type === "failure") throw new Error(`Cedar failed: ${JSON.stringify(outcome.errors)}`);
        if (outcome.response.decision === "allow") allowed += 1;
      }
      return allowed;
    },
  };
}
