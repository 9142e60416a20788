import { casbin } from "./casbin.ts";
import { caslBuilt, caslKept } from "./casl.ts";
import { cedar, cedarOneByOne } from "./cedar.ts";
import type { Contest, Contestant } from "./contest.ts";
import { cold, coldCombination, coldRoles, warm } from "./gatehouse.ts";
import { handWritten } from "./hand-written.ts";
import { relations } from "./relations.ts";
import { largeSchool, type School, smallSchool } from "./school.ts";

type Make = (school: School) => Contestant | Promise<Contestant>;

async function about(school: School, ours: Make, reference: Make): Promise<Contest> {
  return { ours: await ours(school), reference: await reference(school), expected: school.expected };
}

const apart = async (contest: Promise<Contest>): Promise<Contest> => ({ ...(await contest), apart: true });

export const contests: Readonly<Record<string, () => Promise<Contest>>> = {
  "decide-hand-written": () => about(smallSchool(), warm, handWritten),
  "decide-casl": () => about(smallSchool(), warm, caslKept),
  "decide-casbin": () => about(smallSchool(), warm, casbin),
  "decide-cedar": () => about(smallSchool(), warm, cedarOneByOne),
  "decide-cedar, a role's permissions as one list": () => about(smallSchool(), warm, cedar),
  "decide-cold": () => about(largeSchool(), cold, caslBuilt),
  "decide-cold, roles that nobody held together before": () => apart(about(largeSchool(), coldCombination, caslBuilt)),
  "decide-cold, roles compiled anew": () => apart(about(largeSchool(), coldRoles, caslBuilt)),
  "decide-relations": async () => relations(),
  "decide-relations, direct grants alone": async () => relations("direct"),
  "decide-relations, through a group alone": async () => relations("group"),
  "decide-relations, through a parent zone alone": async () => relations("zone"),
  "decide-relations, denied alone": async () => relations("none"),
};
