import { eventually } from "@gatehouse/testing/until.ts";
import type { Application } from "./application.ts";
import type { HttpClient } from "./http.ts";
import type { LastValue, Ledger, Made, Promised } from "./ledger.ts";
import { countLog, type Logged } from "./log.ts";
import { mailWithinMs, type School } from "./world.ts";

const api = "/api/v1/iam";
const pageMax = 200;
/** How long the projection may take on a machine that has just started all processes. */
const settledWithinMs = 15_000;

export interface Verified {
  /** Violated guarantees. Empty if all hold. */
  readonly problems: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
}

/** Compares the acknowledgements with the product's present answers over HTTP, and with the log. */
export async function verify(application: Application, schools: readonly School[], ledger: Ledger): Promise<Verified> {
  const problems: string[] = [...ledger.surprises];
  const counts: Record<string, number> = { acknowledged: ledger.acknowledged, unknown: ledger.unknown };
  const { http } = application;
  for (const school of schools) {
    const { owner } = school;
    const made = await listAll(http, owner.token, `${api}/organizations`);
    const invitations = await listAll(http, owner.token, `${api}/organizations/${school.id}/invitations`);
    const grants = await listAll(http, owner.token, `${api}/grants?organizationId=${school.id}`);
    const ours = (all: readonly Made[]) => all.filter(({ organizationId }) => organizationId === school.id);
    problems.push(
      ...onceEach("organization", ours(ledger.organizations), made, (row) => row["name"]),
      ...onceEach("invitation", ours(ledger.invitations), invitations, (row) => row["email"]),
      ...onceEach("grant", ours(ledger.grants), grants, (row) => (row["resource"] as { id: string }).id),
      ...(await lastValues(http, school, ledger)),
      ...(await rightsAsListed(http, school, ours(ledger.grants))),
    );
  }
  const mails = await mailsOf(application, ledger);
  const log = await countLog(application.postgresql.url);
  problems.push(...mails.problems, ...log.deadLetters, ...log.repeated);
  problems.push(...promisesKept(ledger.promised, log.events));
  problems.push(...log.jobs.filter((line) => line.includes("failed")));
  return { problems, counts: { ...counts, events: log.events.length, mailsTwice: mails.twice } };
}

type Item = Readonly<Record<string, unknown>>;

async function listAll(http: HttpClient, token: string, path: string): Promise<readonly Item[]> {
  const rows: Item[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const mark: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const { body } = await http.must(200, `GET ${path}${path.includes("?") ? "&" : "?"}limit=${pageMax}${mark}`, { token });
    rows.push(...body.items);
    cursor = body.nextCursor;
  }
  return rows;
}

/** Acknowledged creations exist once, unknown ones at most once, and deleted ones not at all. */
function onceEach(kind: string, made: readonly Made[], rows: readonly Item[], nameOf: (row: Item) => unknown): string[] {
  const found = new Map<unknown, number>();
  for (const row of rows) found.set(nameOf(row), (found.get(nameOf(row)) ?? 0) + 1);
  return made.flatMap(({ name, outcome, removed }) => {
    const count = found.get(name) ?? 0;
    if (count > 1) return [`${kind} ${name} is there ${count} times`];
    if (removed === "done" && count > 0) return [`${kind} ${name} was taken away, and is there`];
    if (outcome === "done" && removed === undefined && count === 0) return [`${kind} ${name} was acknowledged, and is not there`];
    return [];
  });
}

async function lastValues(http: HttpClient, school: School, ledger: Ledger): Promise<string[]> {
  const { owner, membershipId } = school;
  const members = await listAll(http, owner.token, `${api}/organizations/${school.id}/memberships`);
  const mine = members.filter(({ id }) => id === membershipId);
  const me = await http.must(200, `GET ${api}/users/me`, { token: owner.token });
  const problems: string[] = [];
  if (mine.length !== 1 || members.length !== 2) problems.push(`school ${school.id} has ${members.length} members`);
  if (!(ledger.roles.get(school.id) as LastValue).allows(String(mine[0]?.["roleId"])))
    problems.push(`the member of ${school.id} has another role than the last`);
  if (!(ledger.firstNames.get(school.id) as LastValue).allows(me.body.firstName))
    problems.push(`the owner of ${school.id} has another name than the last`);
  return problems;
}

/** Decisions match the grants: checks each of the newest ones, once the projection has caught up. */
async function rightsAsListed(http: HttpClient, { id, member }: School, grants: readonly Made[]): Promise<string[]> {
  const known = grants.filter(({ outcome, removed }) => outcome === "done" && removed !== "unknown").slice(-20);
  const problems: string[] = [];
  for (const { name, removed } of known) {
    const should = removed !== "done";
    await eventually(
      async () => {
        const { body } = await http.must(200, `POST ${api}/authorization/check`, {
          token: member.token,
          body: { userId: member.id, tenantId: id, actionType: "Document.Read", resourceType: "Document", resourceId: name },
        });
        if (body.isAuthorized !== should) throw new Error(`the check of ${name} says ${body.isAuthorized}, and should say ${should}`);
      },
      { withinMs: settledWithinMs },
    ).catch((error: Error) => problems.push(error.message));
  }
  return problems;
}

/** Each acknowledged invitation was mailed. A worker that was killed between the mail and its record sends it again. */
async function mailsOf({ mails }: Application, ledger: Ledger): Promise<{ readonly problems: readonly string[]; readonly twice: number }> {
  const invited = ledger.invitations.filter(({ outcome }) => outcome === "done");
  const countOf = (name: string): number => mails.received.filter((mail) => mail.to.includes(name)).length;
  const missing = () => invited.filter(({ name }) => countOf(name) === 0);
  await eventually(
    () => {
      if (missing().length > 0) throw new Error("mails are missing");
    },
    { withinMs: mailWithinMs },
  ).catch(() => {});
  const problems = missing().map(({ name }) => `the invitation of ${name} was acknowledged, and its mail never came`);
  return { problems, twice: invited.filter(({ name }) => countOf(name) > 1).length };
}

/** Every acknowledgement has its event: exactly one for its revision, at least the promised number for its subject. */
function promisesKept(promised: readonly Promised[], events: readonly Logged[]): string[] {
  const byRevision = new Map<string, number>();
  const bySubject = new Map<string, number>();
  const add = (counts: Map<string, number>, key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1);
  for (const { type, revision, subject } of events) {
    add(byRevision, `${type} ${revision}`);
    add(bySubject, `${type} ${subject}`);
  }
  const problems: string[] = [];
  const wanted = new Map<string, number>();
  for (const { type, revision, subject } of promised) {
    if (revision !== undefined && byRevision.get(`${type} ${revision}`) !== 1)
      problems.push(`${type} of revision ${revision} is in the log ${byRevision.get(`${type} ${revision}`) ?? 0} times`);
    if (subject !== undefined) add(wanted, `${type} ${subject}`);
  }
  for (const [key, count] of wanted) {
    if ((bySubject.get(key) ?? 0) < count)
      problems.push(`${key} was promised ${count} times, and is in the log ${bySubject.get(key) ?? 0} times`);
  }
  return problems;
}
