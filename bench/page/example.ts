import { bytes, count, figure, megabits, table } from "./numbers.ts";
import type { Results } from "./results.ts";

/** The input of the worked example; everything else is computed from the figures. */
const expected = {
  people: 100_000,
  organizations: 10_000,
  /** Active sessions. */
  sessions: 100_000,
  memberships: 100_000,
  roles: 10_000,
  /** In the busiest seconds. */
  checks: 5_000,
  queries: 1_000,
  signIns: 50,
  changes: 50,
  /** Averages of a year, for the growth of the event log and the audit log. */
  changesADay: 50_000,
  signInsADay: 50_000,
};
/** Planned utilization of a process. */
const used = 0.7;
/** Never fewer. */
const least = { query: 5, command: 3, worker: 2 };
/** Default retention of the audit log and the event log. */
const auditDays = 730;
const logDays = 90;
/** `DATABASE_POOL`, 2 for the owner and 3 for the queue; a worker also listens to it. */
const most = { query: 15, command: 15, worker: 16 };
type Processes = Readonly<Record<keyof typeof most, number>>;

export const mayOpen = ({ query, command, worker }: Processes): number =>
  query * most.query + command * most.command + worker * most.worker;

export function example(results: Results): string {
  const size = (id: string) => results.figure("sizing", id);
  const wire = (id: string) => results.figure("traffic", id);
  const rate = (row: string) => results.row(row).ours;
  const { people, organizations, sessions, memberships, roles, checks, queries, signIns, changes, changesADay, signInsADay } = expected;

  const queryCores = checks / rate("check-nats") + queries / rate("query-organization");
  const commandCores = signIns / rate("sign-in-argon2") + changes / rate("command-rename");
  const eventsASecond = changes + signIns;
  const worker = Math.ceil(eventsASecond / (rate("outbox-relay") * used));
  const processes = {
    query: Math.max(least.query, Math.ceil(queryCores / used)),
    command: Math.max(least.command, Math.ceil(commandCores / used)),
    worker: Math.max(least.worker, worker),
  };
  const atOnce =
    size("empty") +
    people * size("users.all") +
    organizations * size("organizations.all") +
    sessions * size("sessions.all") +
    memberships * size("memberships.all") +
    roles * size("roles.all");
  // A session's own row is deleted after its end, and a change leaves none.
  const loggedADay = changesADay * size("changes.events") + signInsADay * size("sessions.events");
  const trailedADay = changesADay * size("changes.audit") + signInsADay * size("sessions.audit");
  const redis =
    people * size("redis.user") +
    memberships * size("redis.membership") +
    organizations * 2 * size("redis.organization") +
    roles * 2 * size("redis.role") +
    size("redis.policy");
  const views = people * size("heap.view") + sessions * size("heap.session");
  const memory = wire("memory.query") * 2 ** 20 + views;
  const through = (name: string) =>
    checks * wire(`check.${name}`) +
    queries * wire(`query.${name}`) +
    changes * wire(`command.${name}`) +
    signIns * wire(`sign-in.${name}`);

  const step = (what: string, how: string, result: string) => [what, how, result];
  return table(
    ["Question", "How", "Answer"],
    [
      step(
        "query processes",
        `(${count(checks)} checks/s ÷ ${figure(rate("check-nats"))} + ${count(queries)} queries/s ÷ ${figure(rate("query-organization"))}) ÷ ${used}, and the planned minimum of ${least.query}`,
        String(processes.query),
      ),
      step(
        "command processes",
        `(${signIns} sign-ins/s ÷ ${figure(rate("sign-in-argon2"))} + ${changes} changes/s ÷ ${figure(rate("command-rename"))}) ÷ ${used}, and the planned minimum of ${least.command}`,
        String(processes.command),
      ),
      step(
        "workers",
        `one at a time runs each consumer, and one relays (${figure(rate("outbox-relay"))} events/s); others take over; the planned minimum of ${least.worker}`,
        String(processes.worker),
      ),
      step(
        "connections",
        `${processes.query} × ${most.query} + ${processes.command} × ${most.command} + ${processes.worker} × ${most.worker}`,
        count(mayOpen(processes)),
      ),
      step(
        "memory of a query process",
        `${figure(wire("memory.query"))} MiB + ${count(people)} views × ${bytes(size("heap.view"))} + ${count(sessions)} sessions × ${bytes(size("heap.session"))}, where one process serves all users`,
        bytes(memory),
      ),
      step(
        "PostgreSQL's disk, with all users",
        `${bytes(size("empty"))} + people × ${bytes(size("users.all"))} + organizations × ${bytes(size("organizations.all"))} + sessions × ${bytes(size("sessions.all"))} + memberships × ${bytes(size("memberships.all"))} + roles × ${bytes(size("roles.all"))}`,
        bytes(atOnce),
      ),
      step(
        "… and its growth in a year",
        `the log: ${logDays} days (\`GATEHOUSE_EVENT_DAYS\`) × (${count(changesADay)} changes × ${bytes(size("changes.events"))} + ${count(signInsADay)} sign-ins × ${bytes(size("sessions.events"))}); the audit log: 365 of its ${auditDays} days (\`GATEHOUSE_AUDIT_DAYS\`) × (changes × ${bytes(size("changes.audit"))} + sign-ins × ${bytes(size("sessions.audit"))})`,
        bytes(logDays * loggedADay + 365 * trailedADay),
      ),
      step("Redis", "people, memberships, two keys for each organization and each role", bytes(redis)),
      step("network: clients and gateways", "requests a second × bytes of each", megabits(through("client-gateway"))),
      step("network: gateways and NATS", "the same", megabits(through("gateway-nats"))),
      step("network: query processes and PostgreSQL", "the same", megabits(through("query-postgresql"))),
      step("network: command processes and PostgreSQL", "the same", megabits(through("command-postgresql"))),
      step(
        "network: workers and RabbitMQ",
        `${eventsASecond} events/s, one for each change and sign-in, × ${bytes(wire("event.worker-broker"))}`,
        megabits(eventsASecond * wire("event.worker-broker")),
      ),
    ],
  );
}

export const expectation = (): string =>
  `${count(expected.people)} people with a session and a membership each, in ${count(expected.organizations)} organizations with a role of their own; ` +
  `in the busiest seconds ${count(expected.checks)} checks, ${count(expected.queries)} queries, ${expected.signIns} sign-ins and ${expected.changes} changes a second; ` +
  `${count(expected.changesADay)} changes and ${count(expected.signInsADay)} sign-ins a day`;
