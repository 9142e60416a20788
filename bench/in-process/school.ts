/**
 * The data of the decide benchmarks: roles of 20 permissions, one of which depends on the subject's own class (a school's example). Not in
 * an engine's format.
 */
import { sequence } from "./random.ts";

export interface Role {
  readonly id: string;
  /** The first word of its permissions. */
  readonly entity: string;
  /** The second words of its unconditional permissions. */
  readonly plain: readonly string[];
  /** The second word of the permission that it gives only for the subject's class. */
  readonly conditional: string;
}

export interface Subject {
  readonly id: string;
  readonly classId: string;
  readonly roles: readonly Role[];
}

export interface Question {
  /** Index of the subject. */
  readonly subject: number;
  readonly entity: string;
  readonly verb: string;
  /** `Entity.Verb`. */
  readonly action: string;
  readonly classId: string;
}

export interface School {
  readonly roles: readonly Role[];
  readonly subjects: readonly Subject[];
  readonly questions: readonly Question[];
  readonly expected: readonly boolean[];
}

const permissionsPerRole = 20;
const classes = 50;
const subjectCount = 1_000;
/** Enough that the branch predictor cannot learn their order: with 1,024 it does, and a bare Map becomes twice as fast. */
const questionCount = 32_768;

/** The data of the warm benchmarks: 10 roles, each subject has one of them. */
export const smallSchool = (): School => makeSchool(10, (index, roles) => [roles[index % roles.length] as Role]);

/** The data of the cold benchmark: 40 roles, each subject has 10 of them, in 50 combinations. */
export function largeSchool(): School {
  const random = sequence(7);
  const combinations: Role[][] = [];
  return makeSchool(40, (index, roles) => (combinations[index % 50] ??= draw(roles, 10, random)));
}

function makeSchool(roleCount: number, rolesOf: (index: number, roles: readonly Role[]) => readonly Role[]): School {
  const random = sequence(1);
  const roles = Array.from({ length: roleCount }, (_, index): Role => {
    const plain = Array.from({ length: permissionsPerRole - 1 }, (_, verb) => interned(`Verb${verb}`));
    return { id: `role-${index}`, entity: interned(`Entity${index}`), plain, conditional: "Attend" };
  });
  const subjects = Array.from(
    { length: subjectCount },
    (_, index): Subject => ({ id: `user-${index}`, classId: className(random(classes)), roles: rolesOf(index, roles) }),
  );
  const drawn = Array.from({ length: questionCount }, () => ask(roles, subjects, random));
  return { roles, subjects, questions: drawn.map(({ question }) => question), expected: drawn.map(({ right }) => right) };
}

interface ExpectedQuestion {
  readonly question: Question;
  readonly right: boolean;
}

/** Of five: two allowed unconditionally, one allowed by the condition, one denied by it, one about a missing permission. */
function ask(roles: readonly Role[], subjects: readonly Subject[], random: (below: number) => number): ExpectedQuestion {
  const index = random(subjects.length);
  const subject = subjects[index] as Subject;
  const held = pick(subject.roles, random);
  const question = ({ entity }: Role, verb: string, classId: string): Question => ({
    subject: index,
    entity,
    verb,
    action: interned(`${entity}.${verb}`),
    classId,
  });
  switch (random(5)) {
    case 0:
      return { question: question(held, held.conditional, subject.classId), right: true };
    case 1:
      return { question: question(held, held.conditional, otherClass(subject.classId, random)), right: false };
    case 2: {
      const missing = pick(
        roles.filter((role) => !subject.roles.includes(role)),
        random,
      );
      return { question: question(missing, pick(missing.plain, random), className(random(classes))), right: false };
    }
    default:
      return { question: question(held, pick(held.plain, random), className(random(classes))), right: true };
  }
}

const className = (index: number): string => interned(`class-${index}`);

function otherClass(classId: string, random: (below: number) => number): string {
  for (;;) {
    const other = className(random(classes));
    if (other !== classId) return other;
  }
}

const pick = <T>(from: readonly T[], random: (below: number) => number): T => from[random(from.length)] as T;

function draw<T>(from: readonly T[], count: number, random: (below: number) => number): T[] {
  const rest = [...from];
  return Array.from({ length: count }, () => rest.splice(random(rest.length), 1)[0] as T);
}

/**
 * A single instance, like a literal in a program, so that a look-up compares by identity: the fastest case for every engine, above all
 * for a bare Map.
 */
const interned = (text: string): string => Object.keys({ [text]: true })[0] as string;
