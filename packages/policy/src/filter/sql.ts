import type { Literal } from "../condition/condition.ts";
import { type Network, parseNetwork } from "../condition/network.ts";
import { isList } from "../condition/operators.ts";
import { timeOf } from "../condition/time.ts";
import type { AttributeType } from "../model/model.ts";
import { no, yes } from "../truth.ts";
import { compare, isBroken, type ScalarType, scalarType } from "./compare.ts";
import type { ColumnForm, Dialect } from "./dialect.ts";
import { FilterError } from "./errors.ts";
import type { Filter, FilterComparison, FilterOperand, FilterOperator } from "./filter.ts";
import { joined, raw, render, type Sql, sql } from "./fragment.ts";
import { mariadb } from "./mariadb.ts";
import { postgresql } from "./postgresql.ts";

/**
 * What a column holds. Beside the attributes' types there is `uuid`, an attribute of type text in a column of type uuid.
 * | type | PostgreSQL | MariaDB |
 * | --- | --- | --- |
 * | text, address | text, varchar (with a deterministic collation) | char, varchar, text of any collation |
 * | uuid | uuid | uuid, char(36) |
 * | number | integers, numeric, double precision | integers, decimal, double |
 * | boolean | boolean | boolean (0 or 1) |
 * | time | timestamptz | datetime, in UTC |
 * | texts, numbers | text[], numeric[] | json (an array) |
 */
export type ColumnType = AttributeType | "uuid";

export interface SqlOptions {
  readonly dialect: "postgresql" | "mariadb";
  /**
   * The columns of attributes by the attributes' names, unquoted. Without a type a column has the one that the filter compares
   * it with, and text is compared without using an index; with one, a comparison of another type is unknown.
   */
  readonly columns: Readonly<Record<string, string | { readonly column: string; readonly type?: ColumnType }>>;
  /** The table's name or alias, unquoted, that the columns are of. */
  readonly table?: string;
  /** The number of PostgreSQL's first parameter; 1 where it is absent. */
  readonly firstParameter?: number;
}

export interface SqlPredicate {
  /** A predicate for WHERE; parenthesize it to combine it with others. */
  readonly text: string;
  /** The parameters in their order: texts, booleans, numbers, and for PostgreSQL arrays of texts and booleans. */
  readonly values: unknown[];
}

/**
 * Converts the filter to a SQL predicate, which selects exactly the rows that `matches` would select as objects. Its text contains no values.
 * Throws FilterError where `columns` does not name an attribute, or has a column of a type that could not answer alike.
 */
export function toSql(filter: Filter, options: SqlOptions): SqlPredicate {
  const dialect = options.dialect === "mariadb" ? mariadb : postgresql;
  const first = options.firstParameter ?? 1;
  return render(new Translation(dialect, options).translate(filter), (position) => dialect.placeholder(position + first));
}

interface Column extends ColumnForm {
  readonly attribute: string;
  readonly type: ColumnType | undefined;
}
type Value = { readonly value: unknown };
type Side = Column | Value;
const isColumn = (side: Side): side is Column => "attribute" in side;

/** Times that both databases can write. What lies beyond is before or after all rows. */
const earliestMs = Date.parse("0001-01-01T00:00:00.000Z");
const latestMs = Date.parse("9999-12-31T23:59:59.999Z");

const symbols = { less_than: raw("<"), at_most: raw("<="), greater_than: raw(">"), at_least: raw(">=") } as const;

class Translation {
  readonly #dialect: Dialect;
  readonly #options: SqlOptions;
  /** Only there does it matter whether what does not hold is false or unknown. */
  readonly #isUnderNot: boolean;

  constructor(dialect: Dialect, options: SqlOptions, isUnderNot = false) {
    this.#dialect = dialect;
    this.#options = options;
    this.#isUnderNot = isUnderNot;
  }

  translate(filter: Filter): Sql {
    switch (filter.kind) {
      case "always":
        return raw("true");
      case "never":
        return raw("false");
      case "all":
        return this.#combined(filter.of, " and ", "true");
      case "any":
        return this.#combined(filter.of, " or ", "false");
      case "not":
        return sql`not (${this.#underNot().translate(filter.of)})`;
      case "compare":
        return this.#comparison(filter);
    }
  }

  #underNot(): Translation {
    return this.#isUnderNot ? this : new Translation(this.#dialect, this.#options, true);
  }

  #combined(parts: readonly Filter[], operator: string, empty: string): Sql {
    const [only] = parts;
    if (only === undefined) return raw(empty);
    if (parts.length === 1) return this.translate(only);
    return sql`(${joined(
      parts.map((part) => this.translate(part)),
      operator,
    )})`;
  }

  #comparison({ operator, left, right }: FilterComparison): Sql {
    const a = this.#side(left);
    const b = right ? this.#side(right) : { value: undefined };
    if (!isColumn(a) && (operator === "exists" || !isColumn(b))) return this.#constant(operator, a, b);
    switch (operator) {
      case "equals":
        return this.#equals(a, b);
      case "not_equals":
        return sql`not (${this.#equals(a, b)})`;
      case "less_than":
      case "at_most":
      case "greater_than":
      case "at_least":
        return this.#ordered(a, b, symbols[operator]);
      case "in":
        return this.#contains(b, a);
      case "not_in":
        return sql`not (${this.#underNot().#contains(b, a)})`;
      case "contains":
        return this.#contains(a, b);
      case "contains_any":
        return this.#containsAny(a, b);
      case "contains_all":
        return this.#containsAll(a, b);
      case "starts_with":
      case "ends_with":
      case "includes":
        return this.#texts(operator, a, b);
      case "before":
        return this.#before(a, b);
      case "after":
        return this.#before(b, a);
      case "in_network":
        return this.#inNetworks(a, b);
      case "exists":
        return this.#exists(a as Column);
    }
  }

  #side(operand: FilterOperand): Side {
    if ("value" in operand) return operand;
    const { attribute } = operand;
    const found = Object.hasOwn(this.#options.columns, attribute) ? this.#options.columns[attribute] : undefined;
    if (found === undefined) throw new FilterError(`the attribute '${attribute}' has no column`);
    const { column, type } = typeof found === "string" ? { column: found } : found;
    const names = this.#options.table === undefined ? [column] : [this.#options.table, column];
    if (names.some((name) => name === "" || name.includes("\0")))
      throw new FilterError(`the attribute '${attribute}' has a column without a name`);
    const quoted = raw(names.map((name) => this.#dialect.quoted(name)).join("."));
    return { attribute, sql: quoted, type, declared: type !== undefined, isUuid: type === "uuid" };
  }

  #constant(operator: FilterOperator, left: Value, right: Side): Sql {
    const truth = compare(operator, left.value, isColumn(right) ? undefined : right.value);
    return truth === yes ? raw("true") : truth === no ? raw("false") : this.#dialect.unknown;
  }

  /** The scalar that a side is: "list" for one that is none, undefined when nothing says. */
  #scalarOf(side: Side): ScalarType | "list" | undefined {
    if (!isColumn(side)) return scalarType(side.value) ?? "list";
    switch (side.type) {
      case "uuid":
      case "address":
        return "text";
      case "texts":
      case "numbers":
        return "list";
      case "time":
        // An object may hold text or milliseconds there, and a column would answer neither as they do.
        throw new FilterError(`the attribute '${side.attribute}' is a time, which only before, after and exists can ask for`);
      default:
        return side.type;
    }
  }

  /** What the elements of a list are: "mixed" when several, "none" for what is no list, undefined when nothing says. */
  #elementOf(side: Side): ScalarType | "mixed" | "empty" | "none" | undefined {
    if (!isColumn(side)) {
      if (!isList(side.value)) return "none";
      const types = new Set(side.value.map(scalarType));
      return types.size > 1 ? "mixed" : (types.values().next().value ?? "empty");
    }
    if (side.type === undefined) return undefined;
    return side.type === "texts" ? "text" : side.type === "numbers" ? "number" : "none";
  }

  #undeclared(...sides: readonly Side[]): FilterError {
    const names = sides.filter(isColumn).map(({ attribute }) => `'${attribute}'`);
    return new FilterError(
      `a comparison says nothing of what ${names.join(" and ")} hold${names.length > 1 ? "" : "s"}: declare the column's type`,
    );
  }

  #present(columns: readonly Column[], then: Sql): Sql {
    const tests = columns.map((column) => sql`${column.sql} is not null`);
    return sql`case when ${joined(tests, " and ")} then ${then} end`;
  }

  #lists(columns: readonly Column[], then: Sql): Sql {
    const tests = columns.map((column) => this.#dialect.isList(column.sql));
    const areLists = joined(tests, " and ");
    return this.#isUnderNot ? sql`case when ${areLists} then ${then} end` : this.#dialect.whereLists(areLists, then);
  }

  #usable(values: readonly unknown[], type: ScalarType): readonly Literal[] {
    return values.filter(
      (value): value is Literal => scalarType(value) === type && !(typeof value === "string" && this.#dialect.foreign.test(value)),
    );
  }

  #expression(side: Side, type: ScalarType): Sql {
    if (isColumn(side)) return type === "text" ? this.#dialect.text(side.sql) : side.sql;
    return type === "number" ? this.#dialect.numberValue(side.value as number) : this.#dialect.textValue(String(side.value));
  }

  #equals(a: Side, b: Side): Sql {
    const type = this.#scalarOf(a) ?? this.#scalarOf(b);
    const other = this.#scalarOf(b) ?? type;
    if (type === undefined) throw this.#undeclared(a, b);
    if (type !== other || type === "list") return this.#dialect.unknown;
    if (isColumn(a) && isColumn(b)) return sql`${this.#expression(a, type)} = ${this.#expression(b, type)}`;
    return isColumn(a) ? this.#isAnyOf(a, type, [(b as Value).value]) : this.#isAnyOf(b as Column, type, [a.value]);
  }

  #isAnyOf(column: Column, type: ScalarType, values: readonly unknown[]): Sql {
    const usable = this.#usable(values, type);
    return usable.length > 0 ? this.#dialect.isAnyOf(column, type, usable) : this.#present([column], raw("false"));
  }

  #ordered(a: Side, b: Side, symbol: Sql): Sql {
    if ([a, b].some((side) => (this.#scalarOf(side) ?? "number") !== "number")) return this.#dialect.unknown;
    return sql`${this.#expression(a, "number")} ${symbol} ${this.#expression(b, "number")}`;
  }

  #contains(list: Side, element: Side): Sql {
    const elements = this.#elementOf(list);
    const scalar = this.#scalarOf(element);
    if (elements === "none" || scalar === "list") return this.#dialect.unknown;
    if (!isColumn(list)) {
      const column = element as Column;
      if (elements === "empty") return this.#present([column], raw("false"));
      const type = scalar ?? elements;
      if (type === "mixed" || type === undefined) throw this.#undeclared(column);
      return this.#isAnyOf(column, type, list.value as readonly unknown[]);
    }
    const type = (elements as ScalarType | undefined) ?? scalar;
    if (type === undefined) throw this.#undeclared(list, element);
    if (isColumn(element)) {
      const found = (scalar ?? type) === type ? this.#dialect.hasElement(list.sql, type, element.sql) : raw("false");
      return this.#present([element], this.#lists([list], found));
    }
    const usable = this.#usable([element.value], type);
    return this.#lists([list], usable.length > 0 ? this.#dialect.hasAny(list.sql, type, usable) : raw("false"));
  }

  #containsAny(a: Side, b: Side): Sql {
    if (isColumn(a) && isColumn(b))
      return this.#ofTwoLists(
        a,
        b,
        (type) => this.#dialect.overlaps(a.sql, b.sql, type),
        () => raw("false"),
      );
    const [list, values] = isColumn(a) ? [a, (b as Value).value] : [b as Column, a.value];
    return this.#ofList(list, values, (type, usable) => (usable.length > 0 ? this.#dialect.hasAny(list.sql, type, usable) : raw("false")));
  }

  #containsAll(a: Side, b: Side): Sql {
    if (isColumn(a) && isColumn(b))
      return this.#ofTwoLists(
        a,
        b,
        (type) => this.#dialect.covers(a.sql, b.sql, type),
        () => this.#dialect.isEmptyList(b.sql),
      );
    if (isColumn(a))
      return this.#ofList(a, (b as Value).value, (type, usable, values) => {
        if (usable.length < values.length) return raw("false");
        return usable.length > 0 ? this.#dialect.hasAll(a.sql, type, usable) : raw("true");
      });
    const list = b as Column;
    return this.#ofList(list, a.value, (type, usable) =>
      usable.length > 0 ? this.#dialect.hasOnly(list.sql, type, usable) : this.#dialect.isEmptyList(list.sql),
    );
  }

  #ofList(list: Column, value: unknown, then: (type: ScalarType, usable: readonly Literal[], values: readonly unknown[]) => Sql): Sql {
    const given = this.#elementOf({ value });
    const declared = this.#elementOf(list);
    if (given === "none" || declared === "none") return this.#dialect.unknown;
    const type = declared ?? (given === "empty" ? "text" : given);
    if (type === "mixed" || type === "empty" || type === undefined) throw this.#undeclared(list);
    const values = value as readonly unknown[];
    return this.#lists([list], then(type, this.#usable(values, type), values));
  }

  #ofTwoLists(a: Column, b: Column, alike: (type: ScalarType) => Sql, apart: () => Sql): Sql {
    const type = this.#elementOf(a) ?? this.#elementOf(b);
    const other = this.#elementOf(b) ?? type;
    if (type === undefined) throw this.#undeclared(a, b);
    if (type === "none" || other === "none") return this.#dialect.unknown;
    return this.#lists([a, b], type === other ? alike(type as ScalarType) : apart());
  }

  #texts(operator: "starts_with" | "ends_with" | "includes", a: Side, b: Side): Sql {
    if ([a, b].some((side) => (this.#scalarOf(side) ?? "text") !== "text" || (!isColumn(side) && isBroken(side.value)))) {
      return this.#dialect.unknown;
    }
    const dialect = this.#dialect;
    const part = this.#expression(b, "text");
    if (!isColumn(b) && dialect.foreign.test(b.value as string)) return this.#present([a as Column], raw("false"));
    if (isColumn(a)) return this.#textTest(operator, this.#expression(a, "text"), part);
    // What no row has divides a text into stretches, and a row's text can only be found within one.
    const stretches = (a.value as string).split(new RegExp(dialect.foreign, "u"));
    const reachable = operator === "starts_with" ? stretches.slice(0, 1) : operator === "ends_with" ? stretches.slice(-1) : stretches;
    const tests = reachable.map((stretch) => this.#textTest(operator, dialect.textValue(stretch), part));
    return sql`(${joined(tests, " or ")})`;
  }

  #textTest(operator: "starts_with" | "ends_with" | "includes", text: Sql, part: Sql): Sql {
    if (operator === "starts_with") return this.#dialect.startsWith(text, part);
    return operator === "ends_with" ? this.#dialect.endsWith(text, part) : this.#dialect.includes(text, part);
  }

  #before(a: Side, b: Side): Sql {
    for (const side of [a, b]) {
      if (!isColumn(side)) {
        if (Number.isNaN(timeOf(side.value))) return this.#dialect.unknown;
      } else if (side.type === "text" || side.type === "number") {
        throw new FilterError(`the attribute '${side.attribute}' is compared as a time and its column is declared ${side.type}`);
      } else if (side.type !== undefined && side.type !== "time") return this.#dialect.unknown;
    }
    if (isColumn(a) && isColumn(b)) return sql`${this.#dialect.wholeMs(a.sql)} < ${this.#dialect.wholeMs(b.sql)}`;
    // A column may be finer than a millisecond, and objects are not: below a whole one, or from the next one on, both agree.
    if (isColumn(a)) return this.#fromOn(a, Math.ceil(timeOf((b as Value).value)), raw("<"), true);
    return this.#fromOn(b as Column, Math.floor(timeOf(a.value)) + 1, raw(">="), false);
  }

  /** Compares a column with a moment; `late` is what holds for all rows when the moment is later than they can be. */
  #fromOn(column: Column, ms: number, symbol: Sql, late: boolean): Sql {
    if (ms > latestMs) return this.#present([column], raw(String(late)));
    if (ms < earliestMs) return this.#present([column], raw(String(!late)));
    return sql`${column.sql} ${symbol} ${this.#dialect.timeValue(ms)}`;
  }

  #inNetworks(address: Side, networks: Side): Sql {
    if (isColumn(networks)) throw new FilterError(`the attribute '${networks.attribute}' cannot name the networks of in_network`);
    if ((this.#scalarOf(address) ?? "text") !== "text") return this.#dialect.unknown;
    const parsed = [networks.value].flat().map((text) => parseNetwork(String(text)));
    const known = parsed.filter((network): network is Network => network !== undefined);
    return this.#dialect.isInNetworks(this.#expression(address, "text"), known);
  }

  #exists(column: Column): Sql {
    if (column.type === "texts" || column.type === "numbers") return this.#dialect.isList(column.sql);
    return sql`${column.sql} is not null`;
  }
}
