import { type ColumnType, decide, type Filter, FilterError, filterOfCertainInSteps, toSql } from "@gatehouse/policy";
import {
  EvaluationLimit,
  MemberNotFound,
  ModelName,
  PermissionValue,
  UnknownPermission,
  UnknownResourceType,
} from "#modules/authorization/access/index.ts";
import { invalid, TooManyRequests } from "#operation/declaration/errors.ts";
import { nullable, oneOf, type Static, Type } from "#operation/declaration/schema.ts";
import { inSlices } from "#platform/time-slice.ts";
import { RequestContextInput, SubjectInput } from "../check.ts";
import { aboutUser, evaluate, queryContext, tenantOfQuery } from "../evaluate.ts";
import { decisions } from "../module.ts";
import { decideEach, isOfResource, Missing, undecidedMax } from "../undecided.ts";

const Column = Type.Union([
  Type.String({ minLength: 1, maxLength: 63 }),
  Type.Object({
    column: Type.String({ minLength: 1, maxLength: 63 }),
    type: Type.Optional(Type.Unsafe<ColumnType>(oneOf("text", "number", "boolean", "time", "address", "texts", "numbers", "uuid"))),
  }),
]);

const SqlInput = Type.Object({
  dialect: oneOf("postgresql", "mariadb"),
  /** The column of each attribute; `id` is the resource's id. */
  columns: Type.Record(Type.String(), Column),
  table: Type.Optional(Type.String({ minLength: 1, maxLength: 63 })),
  firstParameter: Type.Optional(Type.Integer({ minimum: 1, maximum: 60_000 })),
});

/**
 * Returns which resources of a type a user may act on, as a tree of conditions over their attributes, and optionally as SQL for the
 * application's tables. The result equals a check of each row. Resources whose relationships cannot be decided without more data are not
 * matched; they are in `undecided`.
 */
export const filter = decisions.inMemoryQuery("filter", {
  http: "POST /api/v1/iam/authorization/filter",
  summary: "Which resources of a type, as a filter.",
  allow: aboutUser,
  absent: MemberNotFound,
  input: Type.Object({
    ...SubjectInput,
    actionType: PermissionValue,
    resourceType: ModelName,
    ...RequestContextInput,
    sql: Type.Optional(nullable(SqlInput)),
  }),
  output: Type.Object({
    filter: Type.Unsafe<Filter>(Type.Object({ kind: Type.String() }, { additionalProperties: true })),
    /** Resources that cannot be decided without more data, a hundred at most. */
    undecided: Type.Array(Type.Object({ type: Type.String(), id: Type.String(), missing: Missing })),
    sql: nullable(Type.Object({ text: Type.String(), values: Type.Array(Type.Unknown()) })),
    revision: Type.String(),
  }),
  errors: [UnknownPermission, UnknownResourceType, EvaluationLimit, MemberNotFound, TooManyRequests],
  tenant: tenantOfQuery,
  async run({ state, services, principal, fail }, request) {
    const { actionType, resourceType: type } = request;
    const shared = queryContext({ state, principal, services });
    const found = await evaluate(shared, { ...request, resourceType: null }, async ({ view, context }) => {
      const certain = await inSlices(filterOfCertainInSteps(view, actionType, type, context));
      if (typeof certain === "symbol") return certain;
      const ofOne = (id: string) => decide(view, actionType, { ...context, resource: { type, id } });
      const each = await inSlices(decideEach(certain.open.slice(0, undecidedMax), ofOne, isOfResource));
      return typeof each === "symbol" ? each : { filter: certain.filter, undecided: each.undecided };
    });
    if (found === undefined) return fail(MemberNotFound);
    return {
      filter: found.filter,
      undecided: found.undecided.map(({ id, missing }) => ({ type, id, missing: [...missing] })),
      sql: request.sql ? sqlOf(found.filter, request.sql) : null,
      revision: services.revision,
    };
  },
});

function sqlOf(found: Filter, { dialect, columns, table, firstParameter }: Static<typeof SqlInput>) {
  try {
    return toSql(found, {
      dialect,
      columns,
      ...(table === undefined ? {} : { table }),
      ...(firstParameter === undefined ? {} : { firstParameter }),
    });
  } catch (error) {
    if (error instanceof FilterError) throw invalid({ field: "sql.columns", rule: "column", message: error.message });
    throw error;
  }
}
