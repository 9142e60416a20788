import type { FastifyRequest } from "fastify";
import { type Deprecation, deprecationField, sunsetField } from "../declaration/deprecation.ts";
import type { Operation } from "../declaration/operation.ts";

/** The deprecation headers of an answer to this request: names and values in turn. */
export type DeprecationHeaders = (request: FastifyRequest) => readonly string[];

/**
 * The headers of every answer of a deprecated operation, errors too: `Deprecation` (RFC 9745), `Sunset` (RFC 8594), and a `Link` to its
 * description and its replacement (RFC 5829 §3.5). Undefined for an operation that is not deprecated.
 */
export function deprecationHeadersOf(
  { name, module, deprecated }: Operation,
  byName: ReadonlyMap<string, Operation>,
  publicUrl: string,
): DeprecationHeaders | undefined {
  if (deprecated === undefined) return undefined;
  const description = `<${publicUrl}/docs#/${module}/${name}>; rel="deprecation"; type="text/html"`;
  const fixed = ["deprecation", deprecationField(deprecated), "sunset", sunsetField(deprecated)];
  const addressOf = successorAddress(deprecated, byName);
  return (request) => {
    const address = addressOf(request.params as Record<string, string>);
    const successor = address === undefined ? "" : `, <${publicUrl}${address}>; rel="successor-version"`;
    return [...fixed, "link", description + successor];
  };
}

/** The address of the same resource in the successor; undefined where it needs parameters that this route does not have. */
function successorAddress({ replacedBy }: Deprecation, byName: ReadonlyMap<string, Operation>) {
  const path = replacedBy === undefined ? undefined : byName.get(replacedBy)?.http?.split(" ")[1];
  return (given: Readonly<Record<string, string>>): string | undefined => {
    const filled = path?.replaceAll(/:(\w+)/g, (parameter, name: string) =>
      given[name] === undefined ? parameter : encodeURIComponent(given[name]),
    );
    return filled?.includes("/:") ? undefined : filled;
  };
}
