import { parseArgs } from "node:util";
import { listRoles } from "#modules/authorization/access/index.ts";
import { createApiKey } from "#modules/integration/apikeys/index.ts";
import { readConfiguration } from "../configuration.ts";
import { type CallOperation, callOperations } from "./call-operation.ts";
import { type Command, UsageError } from "./command.ts";

/** A page of roles; an organization may have some thousand. */
const rolesAtOnce = 200;

export const keyCreateCommand: Command = {
  words: ["key", "create"],
  usage:
    "gatehouse key create --name Shop --role Administrator --scope Authorization.Check [--organization ID] [--expires-at TIME]\n" +
    "--role and --scope may be given several times. Without --organization the key is of the internal scope.",
  does:
    "Create an API key with a service account of its own, which has the given roles.\n" +
    "Prints the key, which is not shown again, and its owner. Works with and without a running server.",
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        name: { type: "string" },
        role: { type: "string", multiple: true, default: [] },
        scope: { type: "string", multiple: true, default: [] },
        organization: { type: "string" },
        "expires-at": { type: "string" },
      },
    });
    const { name, role: roles, scope: scopes, organization: organizationId = null } = values;
    const expiresAt = values["expires-at"];
    if (!name || roles.length === 0 || scopes.length === 0) throw new UsageError("--name, --role and --scope are needed.");
    const created = await callOperations(readConfiguration(process.env), async (call) =>
      call(createApiKey, {
        organizationId,
        owner: "organization",
        name,
        roleIds: await idsOfRoles(call, organizationId, roles),
        scopes: [...scopes],
        ...(expiresAt === undefined ? {} : { expiresAt }),
      }),
    );
    process.stdout.write(`${JSON.stringify(created, null, 2)}\n`);
  },
};

/** The ids of roles of the scope by their names. Throws UsageError for a name that no role has. */
async function idsOfRoles(call: CallOperation, organizationId: string | null, names: readonly string[]): Promise<string[]> {
  const scope = organizationId === null ? "Internal" : "Organization";
  const ids = new Map<string, string>();
  let cursor: string | null = null;
  do {
    const page: { items: readonly { id: string; name: string }[]; nextCursor: string | null } = await call(listRoles, {
      scope,
      organizationId,
      limit: rolesAtOnce,
      ...(cursor === null ? {} : { cursor }),
    });
    for (const { id, name } of page.items) ids.set(name, id);
    cursor = page.nextCursor;
  } while (cursor !== null && names.some((name) => !ids.has(name)));
  return names.map((name) => {
    const id = ids.get(name);
    if (id === undefined) throw new UsageError(`There is no role named ${JSON.stringify(name)} in this scope.`);
    return id;
  });
}
