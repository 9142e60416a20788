import { casbin } from "./casbin.ts";
import { caslBuilding, caslCached } from "./casl.ts";
import { cedar, cedarOneByOne } from "./cedar.ts";
import type { Contest, Contestant } from "./contest.ts";
import { cold, coldCombination, coldRoles, warm } from "./gatehouse.ts";
import { handWritten } from "./hand-written.ts";
import { relations } from "./relations.ts";
import { largeSchool, type School, smallSchool } from "./school.ts";
import { tokenIssue, tokenVerify } from "./tokens.ts";

type Make = (school: School) => Contestant | Promise<Contestant>;

async function about(school: School, ours: Make, reference: Make): Promise<Contest> {
  return { ours: await ours(school), reference: await reference(school), expected: school.expected };
}

const isolated = async (contest: Promise<Contest>): Promise<Contest> => ({ ...(await contest), isolated: true });

export const contests: Readonly<Record<string, () => Promise<Contest>>> = {
  "decide-hand-written": () => about(smallSchool(), warm, handWritten),
  "decide-casl": () => about(smallSchool(), warm, caslCached),
  "decide-casbin": () => about(smallSchool(), warm, casbin),
  "decide-cedar": () => about(smallSchool(), warm, cedarOneByOne),
  "decide-cedar, a role's permissions as one list": () => about(smallSchool(), warm, cedar),
  "decide-cold": () => about(largeSchool(), cold, caslBuilding),
  "decide-cold, a new combination of roles": () => isolated(about(largeSchool(), coldCombination, caslBuilding)),
  "decide-cold, roles compiled again": () => isolated(about(largeSchool(), coldRoles, caslBuilding)),
  "token-issue": tokenIssue,
  "token-verify": tokenVerify,
  "decide-relations": async () => relations(),
  "decide-relations, only direct grants": async () => relations("direct"),
  "decide-relations, only through a group": async () => relations("group"),
  "decide-relations, only through a parent zone": async () => relations("zone"),
  "decide-relations, only denials": async () => relations("none"),
};
