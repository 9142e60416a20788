import type { Dashboard } from "./dashboard.ts";
import { quantile, quantiles, rate, share } from "./expressions.ts";

const operations = "gatehouse_operation_duration_seconds";
const requests = "gatehouse_http_request_duration_seconds";
const decisions = "gatehouse_authorization_decisions_total";
const lookups = "gatehouse_projection_lookups_total";
const consumers = "gatehouse_consumer_duration_seconds";
const jobs = "gatehouse_job_duration_seconds";
const transactions = "gatehouse_database_transaction_seconds";
const events = "gatehouse_events_appended_total";
const signIns = "gatehouse_sign_ins_total";

const service: Dashboard = {
  uid: "service",
  title: "Service overview",
  about: "Health, load, errors and resources of every process (service overview).",
  sections: [
    {
      title: "Health",
      panels: [
        { title: "Processes ready", lines: { "{{instance}}": "gatehouse_ready" }, single: true },
        { title: "Roles", lines: { "{{role}}": "sum by (role) (gatehouse_role_up)" }, single: true },
        { title: "Dependencies", lines: { "{{dependency}}": "min by (dependency) (gatehouse_dependency_up)" }, single: true },
      ],
    },
    {
      title: "Requests",
      panels: [
        { title: "Requests by status", lines: { "{{status}}": rate(`${requests}_count`, "status") }, unit: "reqps" },
        { title: "Latency", lines: quantiles(requests), unit: "s" },
        { title: "Share of internal errors", lines: { "5xx": share(`${requests}_count`, 'status=~"5.."') }, unit: "percentunit" },
        {
          title: "Slowest routes, p95",
          lines: { "{{method}} {{route}}": `topk(8, ${quantile(0.95, requests, "", "method, route")})` },
          unit: "s",
        },
        { title: "In flight", lines: { "{{instance}}": "gatehouse_http_requests_in_flight" } },
        {
          title: "Internal errors by operation",
          lines: { "{{operation}}": rate(`${operations}_count{outcome="internal_error"}`, "operation") },
          unit: "ops",
        },
      ],
    },
    {
      title: "Resources",
      panels: [
        { title: "Processor", lines: { "{{instance}}": "rate(process_cpu_seconds_total[$__rate_interval])" }, unit: "percentunit" },
        { title: "Memory", lines: { "{{instance}}": "process_resident_memory_bytes" }, unit: "bytes" },
        { title: "Event loop lag, p99", lines: { "{{instance}}": "nodejs_eventloop_lag_p99_seconds" }, unit: "s" },
      ],
    },
  ],
};

const query: Dashboard = {
  uid: "query",
  title: "Query",
  about: "Queries and authorization (query dashboard).",
  sections: [
    {
      title: "Queries",
      panels: [
        { title: "Queries", lines: { "{{operation}}": rate(`${operations}_count{kind="query"}`, "operation") }, unit: "ops" },
        { title: "Latency", lines: quantiles(operations, 'kind="query"'), unit: "s" },
        {
          title: "Errors by query",
          lines: { "{{operation}} {{outcome}}": rate(`${operations}_count{kind="query",outcome!="ok"}`, "operation, outcome") },
          unit: "ops",
        },
      ],
    },
    {
      title: "Authorization",
      panels: [
        { title: "Decisions", lines: { "allowed {{allowed}}": rate(decisions, "allowed") }, unit: "ops" },
        { title: "Denials by reason", lines: { "{{reason}}": rate(`${decisions}{allowed="false"}`, "reason") }, unit: "ops" },
        { title: "Check latency", lines: quantiles(operations, 'operation="decisions.check"'), unit: "s" },
      ],
    },
    {
      title: "Cache",
      panels: [
        { title: "Hit rate", lines: { "hit rate": share(lookups, 'found=~"memory|cache"') }, unit: "percentunit" },
        { title: "Entries found in", lines: { "{{found}}": rate(lookups, "found") }, unit: "ops" },
        { title: "Revocation delay, p99", lines: { p99: quantile(0.99, "gatehouse_revocation_delay_seconds") }, unit: "s" },
        { title: "Changes not in decisions yet", lines: { "{{instance}}": "gatehouse_projection_pending_events" } },
        { title: "Age of the log in each process", lines: { "{{instance}}": "gatehouse_log_age_seconds" }, unit: "s" },
        { title: "Sessions in the cache", lines: { "{{instance}}": "gatehouse_sessions_in_memory" } },
      ],
    },
  ],
};

const command: Dashboard = {
  uid: "command",
  title: "Command",
  about: "Commands, events and transactions (command dashboard).",
  sections: [
    {
      title: "Commands",
      panels: [
        { title: "Commands", lines: { "{{operation}}": rate(`${operations}_count{kind="command"}`, "operation") }, unit: "ops" },
        { title: "Latency", lines: quantiles(operations, 'kind="command"'), unit: "s" },
        {
          title: "Success rate",
          lines: { success: share(`${operations}_count`, 'kind="command",outcome="ok"', 'kind="command"') },
          unit: "percentunit",
        },
        {
          title: "Refusals by business rule",
          lines: {
            "{{outcome}}": rate(`${operations}_count{kind="command",outcome!~"ok|internal_error|common[.].*"}`, "outcome"),
          },
          unit: "ops",
        },
        {
          title: "Validation errors",
          lines: { "{{operation}}": rate(`${operations}_count{outcome="common.validation_failed"}`, "operation") },
          unit: "ops",
        },
        {
          title: "Internal errors by command",
          lines: { "{{operation}}": rate(`${operations}_count{kind="command",outcome="internal_error"}`, "operation") },
          unit: "ops",
        },
      ],
    },
    {
      title: "Events and transactions",
      panels: [
        { title: "Events appended", lines: { "{{type}}": rate(events, "type") }, unit: "ops" },
        { title: "Transactions", lines: { "{{access}} {{outcome}}": rate(`${transactions}_count`, "access, outcome") }, unit: "ops" },
        { title: "Transaction time, p95", lines: { "{{access}}": quantile(0.95, transactions, "", "access") }, unit: "s" },
        {
          title: "Relayed to the broker",
          lines: { published: rate("gatehouse_relay_published_total"), failed: rate("gatehouse_relay_failures_total") },
          unit: "ops",
        },
        { title: "Relay lag", lines: { lag: "max(gatehouse_relay_lag_seconds)" }, unit: "s" },
        { title: "Events that wait for the relay", lines: { events: "max(gatehouse_relay_lag_events)" } },
      ],
    },
  ],
};

const background: Dashboard = {
  uid: "background",
  title: "Background",
  about: "Events, jobs and synchronization (background dashboard).",
  sections: [
    {
      title: "Events",
      panels: [
        { title: "Events handled", lines: { "{{consumer}}": rate("gatehouse_events_handled_total", "consumer") }, unit: "ops" },
        {
          title: "From event to effect, p95",
          lines: { "{{consumer}}": quantile(0.95, "gatehouse_event_delay_seconds", "", "consumer") },
          unit: "s",
        },
        { title: "Failures", lines: { "{{consumer}}": rate(`${consumers}_count{outcome="failed"}`, "consumer") }, unit: "ops" },
        { title: "Lag", lines: { "{{consumer}}": "max by (consumer) (gatehouse_consumer_lag_seconds)" }, unit: "s" },
        { title: "Events behind", lines: { "{{consumer}}": "max by (consumer) (gatehouse_consumer_lag_events)" } },
        {
          title: "Dead letters",
          lines: {
            "{{consumer}}": "max by (consumer) (gatehouse_dead_letters)",
            "broker {{consumer}}": "max by (consumer) (gatehouse_broker_dead_letters)",
          },
        },
      ],
    },
    {
      title: "Jobs",
      panels: [
        { title: "Jobs done", lines: { "{{task}} {{outcome}}": rate(`${jobs}_count`, "task, outcome") }, unit: "ops" },
        { title: "Time of a job, p95", lines: { "{{task}}": quantile(0.95, jobs, "", "task") }, unit: "s" },
        {
          title: "Queues",
          lines: {
            "{{task}} waiting": "max by (task) (gatehouse_jobs_waiting)",
            "{{task}} failed": "max by (task) (gatehouse_jobs_failed)",
          },
        },
      ],
    },
    {
      title: "Synchronization",
      panels: [
        {
          title: "Subscriptions synchronized",
          lines: {
            "message {{outcome}}": rate('gatehouse_consumer_duration_seconds_count{consumer="iam.billing"}', "outcome"),
            "comparison {{outcome}}": rate("gatehouse_billing_reconciliations_total", "outcome"),
          },
          unit: "ops",
        },
        { title: "Differences found", lines: { differences: "sum(increase(gatehouse_billing_differences_total[1h]))" } },
        { title: "Audit entries waiting for their chain", lines: { age: "max(gatehouse_audit_lag_seconds)" }, unit: "s" },
      ],
    },
  ],
};

const typed = (...types: readonly string[]) => `sum by (type) (increase(${events}{type=~"${types.join("|")}"}[1h]))`;

const business: Dashboard = {
  uid: "business",
  title: "Business",
  about: "Users, organizations and security (business dashboard).",
  sections: [
    {
      title: "Users and organizations",
      panels: [
        { title: "Users", lines: { "{{status}}": "max by (status) (gatehouse_users)" }, single: true },
        { title: "Organizations", lines: { "{{status}}": "max by (status) (gatehouse_organizations)" }, single: true },
        { title: "Sessions", lines: { sessions: "max(gatehouse_sessions)" }, single: true },
        { title: "Registrations an hour", lines: { "{{type}}": typed("user.registered.v1", "user.email_verified.v1") } },
        { title: "Organizations an hour", lines: { "{{type}}": typed("organization.created.v1", "organization.status_changed.v1") } },
        { title: "Members an hour", lines: { "{{type}}": typed("membership.*", "invitation.*") } },
      ],
    },
    {
      title: "Authentication and authorization",
      panels: [
        { title: "Sign-ins", lines: { "{{result}}": rate(signIns, "result") }, unit: "ops" },
        { title: "Success rate", lines: { success: share(signIns, 'result="ok"') }, unit: "percentunit" },
        { title: "Decisions by reason", lines: { "{{reason}}": rate(decisions, "reason") }, unit: "ops" },
      ],
    },
    {
      title: "Security",
      panels: [
        {
          title: "Changes of rights an hour",
          lines: { "{{type}}": typed("role.*", "permission.*", "authorization_model.*", "assignment.*", "grant.*") },
        },
        {
          title: "Refused calls",
          lines: { "{{outcome}}": rate(`${operations}_count{outcome=~"auth[.].*|common.too_many_requests|tenancy.last_.*"}`, "outcome") },
          unit: "ops",
        },
        {
          title: "Audit entries",
          lines: { "{{category}} {{result}}": rate("gatehouse_audit_records_total", "category, result") },
          unit: "ops",
        },
      ],
    },
  ],
};

const dependencies: Dashboard = {
  uid: "dependencies",
  title: "Dependencies",
  about: "Dependencies: database, cache, brokers, calls between processes.",
  sections: [
    {
      title: "Database",
      panels: [
        { title: "Connections", lines: { "{{instance}} {{pool}} {{state}}": "gatehouse_database_connections" } },
        { title: "Calls that wait for one", lines: { "{{instance}} {{pool}}": 'gatehouse_database_connections{state="waiting"}' } },
        { title: "Transaction time", lines: quantiles(transactions), unit: "s" },
      ],
    },
    {
      title: "Others",
      panels: [
        {
          title: "Calls",
          lines: { "{{dependency}} {{outcome}}": rate("gatehouse_dependency_calls_total", "dependency, outcome") },
          unit: "ops",
        },
        { title: "Circuits open", lines: { "{{dependency}}": "max by (dependency) (gatehouse_circuit_open)" } },
        { title: "Refused by a bulkhead", lines: { "{{name}}": rate("gatehouse_bulkhead_refused_total", "name") }, unit: "ops" },
        {
          title: "Calls between processes, p95",
          lines: { "{{operation}}": quantile(0.95, "gatehouse_rpc_seconds", "", "operation") },
          unit: "s",
        },
        { title: "Deciding without the database", lines: { "{{instance}}": "gatehouse_deciding_without_database" } },
        { title: "Lease", lines: { "{{instance}}": "gatehouse_lease_age_seconds" }, unit: "s" },
      ],
    },
  ],
};

export const dashboards: readonly Dashboard[] = [service, query, command, background, business, dependencies];
