import { describe, expect, it } from "vitest";
import { last, present } from "../released/snapshots.ts";
import { breaks } from "./compatibility.ts";
import { type Document, operationsOf } from "./document.ts";
import { differences, type Schema } from "./schemas.ts";

const today = "2026-12-01";
// biome-ignore lint/suspicious/noExplicitAny: the tests change a document at every depth
type Loose = any;

const base = {
  paths: {
    "/api/v1/books/{bookId}": {
      get: {
        operationId: "library.getBook",
        security: [{ bearer: [] }, { cookie: [] }],
        parameters: [
          { name: "bookId", in: "path", required: true, schema: { type: "string", format: "uuid" } },
          { name: "limit", in: "query", schema: { type: "integer", minimum: 1, maximum: 200, default: 50 } },
        ],
        responses: {
          200: {
            headers: { "x-request-id": {}, etag: {} },
            content: {
              "application/json": {
                schema: {
                  type: "object",
                  required: ["id", "status"],
                  properties: {
                    id: { type: "string", format: "uuid" },
                    title: { type: "string", maxLength: 50 },
                    status: { type: "string", enum: ["In", "Out"] },
                    note: { anyOf: [{ type: "string" }, { type: "null" }] },
                    pages: { type: "array", items: { type: "object", required: ["n"], properties: { n: { type: "integer" } } } },
                    labels: { type: "object", patternProperties: { "^.*$": { type: "string" } } },
                  },
                },
              },
            },
          },
          404: { $ref: "#/components/responses/404" },
        },
      },
      put: {
        operationId: "library.putBook",
        security: [],
        requestBody: {
          content: {
            "application/json": {
              schema: {
                type: "object",
                additionalProperties: false,
                required: ["title"],
                properties: {
                  title: { type: "string", maxLength: 50 },
                  kind: { type: "string", enum: ["novel", "atlas"] },
                  note: { anyOf: [{ type: "string" }, { type: "null" }] },
                },
              },
            },
          },
        },
        responses: { 204: {} },
      },
    },
  },
  components: {
    responses: {
      404: {
        content: {
          "application/json": {
            schema: {
              allOf: [
                { $ref: "#/components/schemas/Error" },
                { properties: { error: { properties: { code: { enum: ["library.book_not_found", "library.gone"] } } } } },
              ],
            },
          },
        },
      },
    },
    schemas: { Error: { type: "object" } },
  },
};

/** The check's findings for a document with `change` applied to one of its operations. */
function saidOf(change: (parts: { get: Loose; put: Loose; paths: Loose; answer: Loose; body: Loose; components: Loose }) => void) {
  const now: Loose = structuredClone(base);
  const { get, put } = now.paths["/api/v1/books/{bookId}"];
  change({
    get,
    put,
    paths: now.paths,
    answer: get.responses[200].content["application/json"].schema,
    body: put.requestBody.content["application/json"].schema,
    components: now.components,
  });
  return breaks(base as unknown as Document, now, today);
}
type Change = Parameters<typeof saidOf>[0];

describe("the API compared with that of a release", () => {
  it.each<[string, Change]>([
    ["it is the same", () => {}],
    ["an operation is added", ({ paths }) => Object.assign(paths, { "/api/v2/books": { get: { operationId: "x", responses: {} } } })],
    ["a parameter is added", ({ get }) => get.parameters.push({ name: "sort", in: "query", schema: { type: "string" } })],
    ["a parameter takes more", ({ get }) => Object.assign(get.parameters[1].schema, { maximum: 500, minimum: 0 })],
    ["an optional field of the input is added", ({ body }) => Object.assign(body.properties, { isbn: { type: "string" } })],
    ["a field of the input need not be given", ({ body }) => body.required.pop()],
    ["a field of the input takes more", ({ body }) => Object.assign(body.properties.title, { maxLength: 500 })],
    ["the input takes a further value", ({ body }) => body.properties.kind.enum.push("comic")],
    [
      "the input takes a further form",
      ({ body }) => Object.assign(body.properties, { kind: { anyOf: [body.properties.kind, { type: "null" }] } }),
    ],
    ["a field is added to the answer, inside too", ({ answer }) => Object.assign(answer.properties.pages.items.properties, { t: {} })],
    ["a field of the answer is always there", ({ answer }) => answer.required.push("title")],
    ["a field of the answer is longer", ({ answer }) => Object.assign(answer.properties.title, { maxLength: 500 })],
    ["an answer has one value less", ({ answer }) => answer.properties.status.enum.pop()],
    ["an answer is never null", ({ answer }) => Object.assign(answer.properties, { note: { type: "string" } })],
    ["an error, and a status of errors, is added", ({ get }) => Object.assign(get.responses, { 409: {} })],
    ["a credential is no longer needed", ({ get }) => Object.assign(get, { security: [] })],
    ["its description changes", ({ get, answer }) => Object.assign(get, { summary: "x" }) && Object.assign(answer, { title: "x" })],
    ["it is deprecated", ({ get }) => Object.assign(get, { deprecated: true, "x-sunset": "2027-06-01" })],
  ])("is compatible where %s", (_what, change) => {
    expect(saidOf(change)).toEqual([]);
  });

  it.each<[string, Change, string]>([
    [
      "an operation is gone",
      ({ paths }) => delete paths["/api/v1/books/{bookId}"].put,
      "library.putBook: the operation is gone, and the release did not say that it would go",
    ],
    [
      "an operation has another address",
      ({ paths, put }) => Object.assign(paths, { "/api/v1/volumes": { put } }) && delete paths["/api/v1/books/{bookId}"].put,
      "library.putBook: was PUT /api/v1/books/{bookId}, is PUT /api/v1/volumes",
    ],
    ["a credential is needed", ({ put }) => Object.assign(put, { security: [{ bearer: [] }] }), "library.putBook: needs a credential now"],
    ["a credential is not taken", ({ get }) => get.security.pop(), "library.getBook: no longer takes cookie"],
    ["a parameter is gone", ({ get }) => get.parameters.pop(), "library.getBook query limit: the parameter is gone"],
    [
      "a parameter must be given",
      ({ get }) => Object.assign(get.parameters[1], { required: true }),
      "library.getBook query limit: must be given now",
    ],
    [
      "a parameter takes less",
      ({ get }) => Object.assign(get.parameters[1].schema, { maximum: 100 }),
      "library.getBook query limit: maximum was 200, is 100",
    ],
    [
      "a parameter that is left out means something else",
      ({ get }) => Object.assign(get.parameters[1].schema, { default: 20 }),
      "library.getBook query limit: where it is not given, 50 was meant, and 20 is",
    ],
    ["a body must be given", ({ put }) => Object.assign(put.requestBody, { required: true }), "library.putBook body: must be given now"],
    [
      "a new field of the input must be given",
      ({ body }) => Object.assign(body.properties, { isbn: {} }) && body.required.push("isbn"),
      "library.putBook body isbn: must be given now",
    ],
    ["a field of the input must be given", ({ body }) => body.required.push("kind"), "library.putBook body kind: must be given now"],
    ["a field of the input is gone", ({ body }) => delete body.properties.kind, "library.putBook body kind: the field is gone"],
    [
      "a field of the input takes less",
      ({ body }) => Object.assign(body.properties.title, { pattern: "\\S" }),
      'library.putBook body title: pattern was none, is "\\\\S"',
    ],
    ["the input takes a value less", ({ body }) => body.properties.kind.enum.pop(), 'library.putBook body kind: no longer takes "atlas"'],
    [
      "the input takes listed values only",
      ({ body }) => Object.assign(body.properties.title, { enum: ["A", "B"] }),
      'library.putBook body title: takes only ["A","B"] now',
    ],
    [
      "the input takes no null",
      ({ body }) => Object.assign(body.properties, { note: { type: "string" } }),
      'library.putBook body note: no longer takes {"type":"null"}',
    ],
    [
      "a form of the input takes less",
      ({ body }) => Object.assign(body.properties.note.anyOf[0], { maxLength: 9 }),
      "library.putBook body note: maxLength was none, is 9",
    ],
    [
      "the input is of another type",
      ({ body }) => Object.assign(body.properties, { title: { type: "integer" } }),
      'library.putBook body title: was of type "string", is of "integer"',
    ],
    [
      "the input has a rule that the check does not know",
      ({ body }) => Object.assign(body.properties.title, { not: { const: "x" } }),
      "library.putBook body title: differs in not, which is not compared",
    ],
    ["a field of the answer is gone", ({ answer }) => delete answer.properties.title, "library.getBook 200 title: the field is gone"],
    [
      "a field inside the answer is gone",
      ({ answer }) => delete answer.properties.pages.items.properties.n,
      "library.getBook 200 pages[] n: the field is gone",
    ],
    [
      "a field of the answer may be missing",
      ({ answer }) => answer.required.shift(),
      "library.getBook 200 id: was always there, may be missing now",
    ],
    [
      "a field of the answer has another format",
      ({ answer }) => delete answer.properties.id.format,
      'library.getBook 200 id: format was "uuid", is none',
    ],
    [
      "an answer has a value more",
      ({ answer }) => answer.properties.status.enum.push("Lost"),
      'library.getBook 200 status: may be "Lost", which the release does not describe',
    ],
    [
      "an answer may have any value",
      ({ answer }) => delete answer.properties.status.enum,
      'library.getBook 200 status: was one of ["In","Out"], may be anything now',
    ],
    [
      "an answer may be null",
      ({ answer }) => Object.assign(answer.properties, { title: { anyOf: [answer.properties.title, { type: "null" }] } }),
      'library.getBook 200 title: may be {"type":"null"}, which the release does not describe',
    ],
    [
      "the values of a map in the answer have another type",
      ({ answer }) => Object.assign(answer.properties.labels.patternProperties, { "^.*$": { type: "integer" } }),
      'library.getBook 200 labels{}: was of type "string", is of "integer"',
    ],
    [
      "a map of the answer is gone",
      ({ answer }) => delete answer.properties.labels.patternProperties,
      'library.getBook 200 labels: fields of the names "^.*$" are gone',
    ],
    ["a header is gone", ({ get }) => delete get.responses[200].headers.etag, "library.getBook 200: the header etag is gone"],
    [
      "another media type is answered",
      ({ get }) => Object.assign(get.responses[200], { content: { "text/csv": get.responses[200].content["application/json"] } }),
      "library.getBook 200: application/json is gone",
    ],
    ["a status of errors is gone", ({ get }) => delete get.responses[404], "library.getBook 404: the status is gone"],
    [
      "an error is gone",
      ({ components }) => components.responses[404].content["application/json"].schema.allOf[1].properties.error.properties.code.enum.pop(),
      "library.getBook 404: the error library.gone is gone",
    ],
    [
      "a success is added",
      ({ put }) => Object.assign(put.responses, { 202: {} }),
      "library.putBook 202: a success that the release does not describe",
    ],
  ])("is not compatible where %s", (_what, change, said) => {
    expect(saidOf(change)).toEqual([said]);
  });

  it("may lack an operation from its announced sunset on, and not before", () => {
    const going: Loose = structuredClone(base);
    Object.assign(going.paths["/api/v1/books/{bookId}"].put, { deprecated: true, "x-sunset": "2027-06-01" });
    const without: Loose = structuredClone(base);
    delete without.paths["/api/v1/books/{bookId}"].put;
    expect(breaks(going, without, "2027-06-01")).toEqual([]);
    expect(breaks(going, without, "2027-05-31")).toEqual([
      "library.putBook: the operation is gone, and the release promises it until 2027-06-01",
    ]);
    // The sunset allows its removal; while it exists, it must stay compatible.
    const changed: Loose = structuredClone(going);
    changed.paths["/api/v1/books/{bookId}"].put.requestBody.content["application/json"].schema.required.push("kind");
    expect(breaks(going, changed, "2027-06-01")).toEqual(["library.putBook body kind: must be given now"]);
    const hurried: Loose = structuredClone(going);
    hurried.paths["/api/v1/books/{bookId}"].put["x-sunset"] = "2027-03-01";
    expect(breaks(going, hurried, today)).toEqual([
      "library.putBook: may be gone from 2027-03-01 on, and the release promises it until 2027-06-01",
    ]);
  });

  it("refuses to compare a recursive schema", () => {
    const endless: Loose = structuredClone(base);
    endless.components.schemas.Error = { properties: { cause: { $ref: "#/components/schemas/Error" } } };
    expect(() => breaks(endless, endless, today)).toThrow("leads back to itself");
  });
});

describe("schemas compared", () => {
  it.each<[string, "input" | "output", Schema, Schema, readonly string[]]>([
    ["whole numbers where numbers were", "output", { type: "number" }, { type: "integer" }, []],
    ["numbers where whole ones were", "output", { type: "integer" }, { type: "number" }, ['at: was of type "integer", is of "number"']],
    ["types as a list", "input", { type: ["string", "null"] }, { anyOf: [{ type: "null" }, { type: "string" }] }, []],
    ["one value where there were two", "input", { enum: [1, 2] }, { const: 1 }, ["at: no longer takes 2"]],
    ["listed values that a pattern lets through", "input", { enum: ["a", "b"] }, { type: "string", pattern: "^[ab]$" }, []],
    ["listed values, one too long", "input", { enum: ["a", "bc"] }, { type: "string", maxLength: 1 }, ['at: no longer takes "bc"']],
    ["values that grow", "output", { type: "string", "x-extensible-enum": ["a"] }, { type: "string", "x-extensible-enum": ["a", "b"] }, []],
    [
      "no further fields",
      "input",
      { type: "object" },
      { type: "object", additionalProperties: false },
      ["at: no longer takes further fields"],
    ],
    ["anything in a list", "output", { items: { type: "string" } }, {}, ['at[]: was of type "string", is of none']],
  ])("%s: %s", (_what, side, before, now, said) => {
    expect(differences(side, "at", before, now)).toEqual(said);
  });
});

describe("the product's own description", () => {
  const own = present<Document>("openapi");
  const names = Object.keys(operationsOf(own));

  it("is stored for the last release", () => {
    expect(last("openapi")).toBeDefined();
    expect(names.length).toBeGreaterThan(70);
  });

  it("is reported by name for each missing operation", () => {
    const gone = (name: string) => `${name}: the operation is gone, and the release did not say that it would go`;
    expect(breaks(own, { ...own, paths: {} }, today)).toEqual(names.map(gone));
  });
});
