import type { Catalogue } from "../../packages/server/src/operation/declaration/catalogue.ts";
import { code, head, table } from "./page.ts";

/** Every code that an answer can have, with the operations that declare it. */
export function errorsPage({ errors, operations }: Catalogue): string {
  const rows = [...errors.values()]
    .sort((one, other) => (one.code < other.code ? -1 : 1))
    .map((error) => {
      const by = operations
        .filter((operation) => operation.errors.includes(error) || operation.absent === error)
        .map(({ name }) => code(name));
      return [code(error.code), String(error.status), error.message, by.length > 0 ? by.join(", ") : "any operation"];
    });
  return `${head("Errors", "Codes are stable: they are only added. The envelope is the same over every transport.")}\n${table(["Code", "Status", "Message", "Answered by"], rows)}`;
}
