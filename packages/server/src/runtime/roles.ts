/** What a process does: serve queries, serve commands, run background work, be the HTTP gateway. */
export type Role = "query" | "command" | "worker" | "gateway";

/** In the order in which they are started and replaced, the gateway last. */
export const everyRole: readonly Role[] = ["worker", "command", "query", "gateway"];

/** The roles of `all`, or of a list as `query,gateway`; undefined where it names something else. */
export function rolesOf(text: string): ReadonlySet<Role> | undefined {
  if (text === "all") return new Set(everyRole);
  const names = text.split(",");
  const isRole = (name: string): name is Role => (everyRole as readonly string[]).includes(name);
  return names.every(isRole) ? new Set(names) : undefined;
}

export const isAll = (roles: ReadonlySet<Role>): boolean => roles.size === everyRole.length;

/** Whether a process with these roles opens the database: the gateway alone does not. */
export const needsDatabase = (roles: ReadonlySet<Role>): boolean => roles.has("query") || roles.has("command") || roles.has("worker");

/** Whether a process with these roles calls other processes. */
export const callsOtherProcesses = (roles: ReadonlySet<Role>): boolean =>
  roles.has("gateway") && !(roles.has("query") && roles.has("command"));

/** Whether a process with these roles serves calls of other processes. */
export const servesOtherProcesses = (roles: ReadonlySet<Role>): boolean => roles.has("query") || roles.has("command");
