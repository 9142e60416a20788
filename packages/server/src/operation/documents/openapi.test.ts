import { Compile } from "typebox/compile";
import { describe, expect, it } from "vitest";
import { noProxies } from "#platform/network/trusted-proxies.ts";
import { anyone, byInput, either, internal, operatorOnly, permission, scoped, signedIn, subject } from "../declaration/authorization.ts";
import { type Catalogue, catalogue } from "../declaration/catalogue.ts";
import { defineError } from "../declaration/errors.ts";
import { type ModuleManifest, module } from "../declaration/module.ts";
import type { Operation } from "../declaration/operation.ts";
import { Email, Nothing, nullable, oneOf, Page, Paging, RevisionInput, Secret, Type, Uuid } from "../declaration/schema.ts";
import { httpServer } from "../http/http-server.ts";
import { serveInProcess } from "../transport/serve.ts";
import { openapi } from "./openapi.ts";

const BookNotFound = defineError("library.book_not_found", 404, "There is no such book.");
const BookLent = defineError("library.book_lent", 409, "The book is lent.");
const CardUnknown = defineError("library.card_unknown", 404, "There is no such card.");

const Book = Type.Object({ id: Uuid, title: Type.String(), remark: nullable(Type.String()), version: Type.Integer() });
const book = { id: "0198a000-0000-7000-8000-000000000001", title: "A book", remark: null, version: 3 };

const noStore = { reads: () => ({}), writes: () => ({}) };
const library = module("library", { store: noStore });
const gate = module("gate", { store: noStore });

const addBook = library.command("addBook", {
  http: "POST /v1/libraries/:organizationId/books",
  summary: "Add a book.",
  allow: permission("Book.Add"),
  audit: { action: "Book.Changed", category: "Business", severity: "Info" },
  absent: CardUnknown,
  limit: { per: "address", points: 5, seconds: 60 },
  versioned: true,
  status: 201,
  input: Type.Object({ organizationId: Uuid, title: Type.String(), kind: Type.Optional(oneOf("novel", "atlas")) }),
  output: Book,
  run: async () => book,
});
const changeBook = library.command("changeBook", {
  http: "PATCH /v1/books/:bookId",
  summary: "Change a book.",
  allow: either(internal("Book.Change"), subject("ownerId")),
  audit: { action: "Book.Changed", category: "Business", severity: "Info" },
  versioned: true,
  input: Type.Object(
    { bookId: Uuid, title: Type.Optional(Type.String()), ownerId: Type.Optional(Uuid) },
    { minProperties: 2, description: "What is not given stays." },
  ),
  output: Book,
  errors: [BookNotFound, BookLent],
  run: async () => book,
});
const removeBook = library.command("removeBook", {
  http: "DELETE /v1/books/:bookId",
  summary: "Remove a book.",
  allow: scoped({ tenant: "Book.Remove", internal: "Book.RemoveAny" }),
  audit: { action: "Book.Changed", category: "Business", severity: "Info" },
  absent: BookNotFound,
  input: Type.Object({ bookId: Uuid }),
  output: Nothing,
  errors: [BookLent],
  run: async () => null,
});
const getBook = library.query("getBook", {
  http: "GET /v1/books/:bookId",
  summary: "Read a book.",
  allow: signedIn(),
  versioned: true,
  input: Type.Object({ bookId: Uuid, minRevision: Type.Optional(RevisionInput) }),
  output: Book,
  errors: [BookNotFound],
  run: async () => book,
});
const listBooks = library.query("listBooks", {
  http: "GET /v1/books",
  summary: "List books.",
  allow: byInput("shelf", { staff: internal("Shelf.Staff") }, signedIn()),
  input: Type.Object({ shelf: Type.String({ description: "Which shelf." }), ...Paging }),
  output: Page(Book),
  run: async () => ({ items: [], nextCursor: null }),
});
const searchBooks = library.query("searchBooks", {
  http: "POST /v1/books/search",
  summary: "Search books.",
  allow: signedIn(),
  input: Type.Object({ words: Type.Optional(Type.Array(Type.String())) }),
  output: Page(Book),
  run: async () => ({ items: [], nextCursor: null }),
});
const enter = gate.command("enter", {
  http: "POST /v1/enter",
  summary: "Enter.",
  allow: anyone("who enters has no card yet"),
  audit: { action: "Book.Changed", category: "Business", severity: "Info" },
  cookie: "begins",
  stillValid: async () => true,
  input: Type.Object({
    email: Email,
    password: Secret({ maxLength: 200 }),
    codes: Type.Array(Type.Object({ code: Secret({ maxLength: 9 }) })),
  }),
  output: Type.Object({ sessionToken: Type.String(), expiresAt: Type.String() }),
  run: async () => ({ sessionToken: "", expiresAt: "" }),
});
const repair = gate.command("repair", {
  http: "POST /v1/repair",
  summary: "Repair the gate.",
  allow: operatorOnly(),
  audit: { action: "Book.Changed", category: "Business", severity: "Info" },
  status: 202,
  input: Type.Object({}),
  output: Nothing,
  run: async () => null,
});
const oil = gate.command("oil", {
  summary: "Oil the hinges, on the machine itself.",
  allow: operatorOnly(),
  audit: { action: "Book.Changed", category: "Business", severity: "Info" },
  input: Type.Object({}),
  output: Nothing,
  run: async () => null,
});

const contextOf = (owner: ModuleManifest["module"], operations: readonly Operation[]): ModuleManifest => ({
  module: owner,
  operations,
  events: [],
  steps: [],
});
const libraryContext = contextOf(library, [addBook, changeBook, removeBook, getBook, listBooks, searchBooks]);
const gateContext = contextOf(gate, [enter, repair, oil]);
const small = catalogue([libraryContext, gateContext]);
const about = { version: "1.2.3", publicUrl: "https://gatehouse.example" };

interface Response {
  readonly description: string;
  readonly headers: Record<string, unknown>;
  readonly content?: Record<string, { readonly schema: Record<string, unknown>; readonly examples?: Record<string, unknown> }>;
}
interface Documented {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly security: readonly unknown[];
  readonly parameters?: readonly {
    readonly name?: string;
    readonly in?: string;
    readonly required?: boolean;
    readonly description?: string;
    readonly schema?: unknown;
    readonly $ref?: string;
  }[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Record<string, { readonly schema: Record<string, unknown> }> };
  readonly responses: Record<string, Response>;
}
interface Document {
  readonly openapi: string;
  readonly info: Record<string, unknown>;
  readonly servers: unknown;
  readonly tags: unknown;
  readonly paths: Record<string, Record<string, Documented>>;
  readonly components: Record<string, Record<string, unknown>>;
}

const document = (from: Catalogue = small): Document => openapi(from, about) as Document;
const resolved = (doc: Document, given: unknown): unknown => {
  const { $ref } = given as { readonly $ref?: string };
  if ($ref === undefined) return given;
  return $ref
    .slice(2)
    .split("/")
    .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], doc);
};
const of = (path: string, method: string, doc = document()): Documented => doc.paths[path]?.[method] as Documented;
const codes = (documented: Documented): Record<string, unknown> => {
  const doc = document();
  return Object.fromEntries(
    Object.entries(documented.responses)
      .filter(([status]) => Number(status) >= 400)
      .map(([status, response]) => {
        const { content } = resolved(doc, response) as Required<Response>;
        const { schema, examples } = content["application/json"] as { readonly schema: Record<string, unknown>; readonly examples: object };
        const [envelope, narrowed] = schema["allOf"] as [unknown, { properties: { error: { properties: { code: { enum: string[] } } } } }];
        expect(envelope).toEqual({ $ref: "#/components/schemas/Error" });
        const listed = narrowed.properties.error.properties.code.enum;
        expect(Object.keys(examples)).toEqual(listed);
        return [status, listed];
      }),
  );
};

describe("the OpenAPI document", () => {
  it("has every operation with a route, and no other, sorted by path and method", () => {
    const doc = document();
    expect(doc.openapi).toBe("3.1.0");
    expect(
      Object.entries(doc.paths).flatMap(([path, item]) =>
        Object.entries(item).map(([method, { operationId }]) => `${method} ${path} ${operationId}`),
      ),
    ).toEqual([
      "get /v1/books library.listBooks",
      "post /v1/books/search library.searchBooks",
      "delete /v1/books/{bookId} library.removeBook",
      "get /v1/books/{bookId} library.getBook",
      "patch /v1/books/{bookId} library.changeBook",
      "post /v1/enter gate.enter",
      "post /v1/libraries/{organizationId}/books library.addBook",
      "post /v1/repair gate.repair",
    ]);
  });

  it("has version, server address, and modules as tags", () => {
    const doc = document();
    expect(doc.info).toMatchObject({ title: "Gatehouse", version: "1.2.3" });
    expect(doc.servers).toEqual([{ url: "https://gatehouse.example" }]);
    expect(doc.tags).toEqual([{ name: "gate" }, { name: "library" }]);
    expect(of("/v1/enter", "post").tags).toEqual(["gate"]);
  });

  it("does not depend on the order of the declarations", () => {
    const reversed = catalogue([
      contextOf(gate, [oil, repair, enter]),
      contextOf(library, [searchBooks, listBooks, getBook, removeBook, changeBook, addBook]),
    ]);
    expect(JSON.stringify(document(reversed))).toBe(JSON.stringify(document()));
  });

  it("is plain JSON whose references all resolve", () => {
    const doc = document();
    expect(JSON.parse(JSON.stringify(doc))).toEqual(doc);
    const references = JSON.stringify(doc).match(/#\/components\/[^"]+/g) ?? [];
    expect(references.length).toBeGreaterThan(10);
    for (const $ref of references) expect(resolved(doc, { $ref }), $ref).toBeDefined();
  });

  it("contains no keyword of this program's own, at any depth", () => {
    const text = JSON.stringify(document());
    expect(text).toContain('"password":{"type":"string","maxLength":200}');
    expect(text).not.toMatch(/x-secret|"~/);
  });

  it("cannot be built where two routes name one path's parameters differently", () => {
    const other = library.query("readBook", {
      http: "GET /v1/libraries/:libraryId/books",
      summary: "Read.",
      allow: signedIn(),
      input: Type.Object({ libraryId: Uuid }),
      output: Book,
      run: async () => book,
    });
    expect(() => document(catalogue([contextOf(library, [addBook, other])]))).toThrow(
      /library\.\w+ and library\.\w+ name one path differently/,
    );
  });
});

describe("an operation in the OpenAPI document", () => {
  it("has its path and query parameters with their schemas", () => {
    expect(of("/v1/books", "get").parameters).toEqual([
      { name: "shelf", in: "query", required: true, description: "Which shelf.", schema: { type: "string" } },
      { name: "limit", in: "query", schema: { type: "integer", minimum: 1, maximum: 200, default: 50 } },
      { name: "cursor", in: "query", schema: { type: "string", maxLength: 3_000 } },
    ]);
    expect(of("/v1/books/{bookId}", "get").parameters?.[0]).toEqual({
      name: "bookId",
      in: "path",
      required: true,
      schema: { type: "string", format: "uuid" },
    });
    expect(of("/v1/books", "get").requestBody).toBeUndefined();
  });

  it("has a closed body with the fields that are not in the path", () => {
    expect(of("/v1/libraries/{organizationId}/books", "post").requestBody).toEqual({
      required: true,
      content: {
        "application/json": {
          schema: {
            type: "object",
            additionalProperties: false,
            required: ["title"],
            properties: { title: { type: "string" }, kind: { type: "string", enum: ["novel", "atlas"] } },
          },
        },
      },
    });
    expect(of("/v1/books/{bookId}", "delete").requestBody).toBeUndefined();
    expect(of("/v1/repair", "post").requestBody).toBeUndefined();
  });

  it("requires a body only where the input does, and keeps the other keywords of its schema", () => {
    expect(of("/v1/books/search", "post").requestBody?.required).toBeUndefined();
    expect(of("/v1/books/search", "post").requestBody?.content["application/json"]?.schema).not.toHaveProperty("required");
    const change = of("/v1/books/{bookId}", "patch").requestBody;
    expect(change?.required).toBe(true);
    expect(change?.content["application/json"]?.schema).toMatchObject({ description: "What is not given stays." });
    expect(Object.keys(change?.content["application/json"]?.schema["properties"] as object)).toEqual(["title", "ownerId"]);
  });

  it("accepts an Idempotency-Key only for a command behind POST", () => {
    const takers = Object.entries(document().paths).flatMap(([path, item]) =>
      Object.entries(item)
        .filter(([, { parameters }]) => parameters?.some(({ $ref }) => $ref?.endsWith("IdempotencyKey")))
        .map(([method]) => `${method} ${path}`),
    );
    expect(takers).toEqual(["post /v1/enter", "post /v1/libraries/{organizationId}/books", "post /v1/repair"]);
    expect(document().components["parameters"]?.["IdempotencyKey"]).toMatchObject({ name: "Idempotency-Key", in: "header" });
  });

  it("accepts If-Match only where it changes a versioned representation", () => {
    const takers = Object.entries(document().paths).flatMap(([path, item]) =>
      Object.entries(item)
        .filter(([, { parameters }]) => parameters?.some(({ $ref }) => $ref?.endsWith("IfMatch")))
        .map(([method]) => `${method} ${path}`),
    );
    expect(takers).toEqual(["patch /v1/books/{bookId}"]);
  });

  it("describes its rule, and requires a credential unless anyone may call it", () => {
    expect(of("/v1/enter", "post").security).toEqual([]);
    expect(of("/v1/enter", "post").description).toContain("Anyone: who enters has no card yet.");
    for (const [path, method] of [
      ["/v1/books", "get"],
      ["/v1/repair", "post"],
      ["/v1/books/{bookId}", "patch"],
    ] as const) {
      expect(of(path, method).security).toEqual([{ bearer: [] }, { cookie: [] }]);
    }
    expect(of("/v1/libraries/{organizationId}/books", "post").description).toBe(
      "Add a book.\n\n**Who may call it:** Permission `Book.Add` in the organization.\n\n**Limit:** 5 calls in 60 seconds from one address.",
    );
    expect(document().components["securitySchemes"]).toMatchObject({
      bearer: { type: "http", scheme: "bearer" },
      cookie: { type: "apiKey", in: "cookie", name: "gh_session" },
    });
  });

  const always = { "500": ["common.internal"], "503": ["common.unavailable"] };
  const commanded = { "500": ["common.internal"], "503": ["common.outcome_unknown", "common.unavailable"] };
  const refusals = ["auth.credential_invalid", "auth.credential_required"];
  const written = { "413": ["common.payload_too_large"], "415": ["common.unsupported_media_type"] };
  const invalid = { "400": ["common.validation_failed"] };

  it.each<[string, string, Record<string, readonly string[]>]>([
    [
      "post",
      "/v1/libraries/{organizationId}/books",
      {
        ...invalid,
        "401": refusals,
        "403": ["auth.cross_site_request", "auth.organization_suspended", "auth.permission_denied"],
        "404": ["library.card_unknown"],
        "409": ["common.idempotency_key_reused"],
        ...written,
        "429": ["common.too_many_requests"],
        ...commanded,
      },
    ],
    [
      "patch",
      "/v1/books/{bookId}",
      {
        ...invalid,
        "401": refusals,
        "403": ["auth.cross_site_request", "auth.permission_denied"],
        "404": ["library.book_not_found"],
        "409": ["library.book_lent"],
        "412": ["common.version_conflict"],
        ...written,
        ...commanded,
      },
    ],
    [
      "delete",
      "/v1/books/{bookId}",
      {
        ...invalid,
        "401": refusals,
        "403": ["auth.cross_site_request", "auth.organization_suspended", "auth.permission_denied"],
        "404": ["library.book_not_found"],
        "409": ["library.book_lent"],
        ...written,
        ...commanded,
      },
    ],
    [
      "get",
      "/v1/books/{bookId}",
      {
        ...invalid,
        "401": refusals,
        "403": ["auth.permission_denied"],
        "404": ["library.book_not_found"],
        "500": ["common.internal"],
        "503": ["common.revision_not_reached", "common.unavailable"],
      },
    ],
    ["get", "/v1/books", { ...invalid, "401": refusals, "403": ["auth.permission_denied"], ...always }],
    [
      "post",
      "/v1/books/search",
      { ...invalid, "401": refusals, "403": ["auth.cross_site_request", "auth.permission_denied"], ...written, ...always },
    ],
    [
      "post",
      "/v1/enter",
      {
        ...invalid,
        "401": ["auth.credential_invalid"],
        "403": ["auth.cross_site_request"],
        "409": ["common.idempotency_key_reused"],
        ...written,
        ...commanded,
      },
    ],
    [
      "post",
      "/v1/repair",
      {
        ...invalid,
        "401": refusals,
        "403": ["auth.cross_site_request"],
        "404": ["common.not_found"],
        "409": ["common.idempotency_key_reused"],
        ...written,
        ...commanded,
      },
    ],
  ])("lists exactly the errors that %s %s declares and that the kernel can return for it", (method, path, expected) => {
    expect(codes(of(path, method))).toEqual(expected);
  });

  it("has one example of each error, in the error envelope", () => {
    const doc = document();
    const envelope = Compile(doc.components["schemas"]?.["Error"] as never);
    const examples = Object.entries(doc.components["examples"] ?? {}) as [
      string,
      { summary: string; value: { error: { code: string } } },
    ][];
    expect(examples.map(([code]) => code)).toContain("library.book_lent");
    for (const [code, { value }] of examples) {
      expect(value.error.code).toBe(code);
      expect(envelope.Check(value), code).toBe(true);
    }
    expect(doc.components["examples"]?.["library.book_lent"]).toEqual({
      summary: "The book is lent.",
      value: {
        success: false,
        error: {
          code: "library.book_lent",
          message: "The book is lent.",
          details: [],
          traceId: expect.any(String),
          docs: "https://gatehouse.example/errors/library.book_lent",
        },
      },
    });
  });

  it("describes the status, headers and body of an actual success", async () => {
    const outputs: Record<string, unknown> = {
      "library.listBooks": { items: [book], nextCursor: "next" },
      "library.searchBooks": { items: [], nextCursor: null },
      "gate.enter": { sessionToken: "ghs_token", expiresAt: "2030-01-01T00:00:00.000Z" },
    };
    const app = httpServer({
      catalogue: small,
      serve: serveInProcess(
        async ({ operation }) => {
          const { kind, output } = small.byName.get(operation) as Operation;
          const nothing = (output as { readonly type?: string }).type === "null";
          return { output: nothing ? null : (outputs[operation] ?? book), ...(kind === "command" ? { revision: "42" } : {}) };
        },
        () => ({ kind: "operator" }),
      ),
      publicUrl: about.publicUrl,
      trustProxy: noProxies,
      report: () => {},
    });
    const doc = document();
    for (const [path, item] of Object.entries(doc.paths)) {
      for (const [method, documented] of Object.entries(item)) {
        const answer = await app.inject({
          method: method.toUpperCase() as "GET",
          url: path.replaceAll(/\{\w+\}/g, book.id),
          headers: { authorization: "Bearer x" },
        });
        const expected = documented.responses[answer.statusCode] as Response;
        expect(expected, `${documented.operationId} answered ${answer.statusCode}`).toBeDefined();
        expect(answer.statusCode).toBeLessThan(300);
        const named = Object.keys(answer.headers).filter((name) =>
          ["x-request-id", "x-gatehouse-revision", "etag", "set-cookie"].includes(name),
        );
        expect(Object.keys(expected.headers).toSorted(), documented.operationId).toEqual(named.toSorted());
        const schema = expected.content?.["application/json"]?.schema;
        if (schema === undefined) expect(answer.body).toBe("");
        else expect(Compile(schema as never).Check(answer.json()), documented.operationId).toBe(true);
      }
    }
    await app.close();
  });
});
