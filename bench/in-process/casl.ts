import { createMongoAbility, type MongoAbility, type RawRuleOf } from "@casl/ability";
import type { Contestant } from "./contest.ts";
import type { School, Subject } from "./school.ts";

interface Item {
  readonly kind: string;
  readonly class_id: string;
}

/** CASL's documented way to distinguish plain objects, faster than tagging each with `subject()`. */
const options = { detectSubjectType: (item: unknown) => (item as Item).kind };

/** The whole list of a role's plain permissions is one rule, which CASL reads quickest. */
const plainRules = ({ roles }: School): ReadonlyMap<string, RawRuleOf<MongoAbility>> =>
  new Map(roles.map(({ id, entity, plain }) => [id, { action: [...plain], subject: entity }]));

function rulesOf({ roles, classId }: Subject, plain: ReadonlyMap<string, RawRuleOf<MongoAbility>>): RawRuleOf<MongoAbility>[] {
  const rules: RawRuleOf<MongoAbility>[] = [];
  for (const { id, entity, conditional } of roles) {
    rules.push(plain.get(id) as RawRuleOf<MongoAbility>);
    rules.push({ action: conditional, subject: entity, conditions: { class_id: classId } });
  }
  return rules;
}

const questionsOf = ({ questions }: School) =>
  questions.map(({ subject, verb, entity, classId }) => ({ subject, verb, item: { kind: entity, class_id: classId } satisfies Item }));

/** The ability of every subject is cached. */
export function caslCached(school: School): Contestant {
  const plain = plainRules(school);
  const abilities = school.subjects.map((subject) => createMongoAbility(rulesOf(subject, plain), options));
  const questions = questionsOf(school);
  return {
    name: "@casl/ability, cached",
    count(from, to) {
      let allowed = 0;
      for (let index = from; index < to; index += 1) {
        const { subject, verb, item } = questions[index] as (typeof questions)[number];
        if ((abilities[subject] as MongoAbility).can(verb, item)) allowed += 1;
      }
      return allowed;
    },
  };
}

/** Builds the ability for each question. The rules without a condition are cached. */
export function caslBuilding(school: School): Contestant {
  const plain = plainRules(school);
  const { subjects } = school;
  const questions = questionsOf(school);
  return {
    name: "@casl/ability, built",
    count(from, to) {
      let allowed = 0;
      for (let index = from; index < to; index += 1) {
        const { subject, verb, item } = questions[index] as (typeof questions)[number];
        if (createMongoAbility(rulesOf(subjects[subject] as Subject, plain), options).can(verb, item)) allowed += 1;
      }
      return allowed;
    },
  };
}
