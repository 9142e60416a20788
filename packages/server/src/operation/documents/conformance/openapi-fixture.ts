import { expect } from "vitest";
import { anyone, byInput, either, internal, operatorOnly, permission, scoped, signedIn, subject } from "../../declaration/authorization.ts";
import { type Catalogue, catalogue } from "../../declaration/catalogue.ts";
import { defineError } from "../../declaration/errors.ts";
import { type ModuleManifest, module } from "../../declaration/module.ts";
import type { Operation } from "../../declaration/operation.ts";
import { Email, Nothing, nullable, oneOf, Page, Paging, RevisionInput, Secret, Type, Uuid } from "../../declaration/schema.ts";
import { openapi } from "../openapi.ts";

// Operations with every kind of declaration, for the tests of the OpenAPI document.

const BookNotFound = defineError("library.book_not_found", 404, "There is no such book.");
const BookLent = defineError("library.book_lent", 409, "The book is lent.");
const CardUnknown = defineError("library.card_unknown", 404, "There is no such card.");

export const Book = Type.Object({ id: Uuid, title: Type.String(), remark: nullable(Type.String()), version: Type.Integer() });
export const book = { id: "0198a000-0000-7000-8000-000000000001", title: "A book", remark: null, version: 3 };

const noStore = { reads: () => ({}), writes: () => ({}) };
export const library = module("library", { store: noStore });
export const gate = module("gate", { store: noStore });

export const addBook = library.command("addBook", {
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
export const changeBook = library.command("changeBook", {
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
export const removeBook = library.command("removeBook", {
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
export const getBook = library.query("getBook", {
  http: "GET /v1/books/:bookId",
  summary: "Read a book.",
  allow: signedIn(),
  versioned: true,
  input: Type.Object({ bookId: Uuid, minRevision: Type.Optional(RevisionInput) }),
  output: Book,
  errors: [BookNotFound],
  run: async () => book,
});
export const listBooks = library.query("listBooks", {
  http: "GET /v1/books",
  summary: "List books.",
  allow: byInput("shelf", { staff: internal("Shelf.Staff") }, signedIn()),
  input: Type.Object({ shelf: Type.String({ description: "Which shelf." }), ...Paging }),
  output: Page(Book),
  run: async () => ({ items: [], nextCursor: null }),
});
export const searchBooks = library.query("searchBooks", {
  http: "POST /v1/books/search",
  summary: "Search books.",
  allow: signedIn(),
  input: Type.Object({ words: Type.Optional(Type.Array(Type.String())) }),
  output: Page(Book),
  run: async () => ({ items: [], nextCursor: null }),
});
export const enter = gate.command("enter", {
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
export const repair = gate.command("repair", {
  http: "POST /v1/repair",
  summary: "Repair the gate.",
  allow: operatorOnly(),
  audit: { action: "Book.Changed", category: "Business", severity: "Info" },
  status: 202,
  input: Type.Object({}),
  output: Nothing,
  run: async () => null,
});
export const oil = gate.command("oil", {
  summary: "Oil the hinges, on the machine itself.",
  allow: operatorOnly(),
  audit: { action: "Book.Changed", category: "Business", severity: "Info" },
  input: Type.Object({}),
  output: Nothing,
  run: async () => null,
});

export const contextOf = (owner: ModuleManifest["module"], operations: readonly Operation[]): ModuleManifest => ({
  module: owner,
  operations,
  events: [],
  steps: [],
});
const libraryContext = contextOf(library, [addBook, changeBook, removeBook, getBook, listBooks, searchBooks]);
const gateContext = contextOf(gate, [enter, repair, oil]);
export const small = catalogue([libraryContext, gateContext]);
export const about = { version: "1.2.3", publicUrl: "https://gatehouse.example" };

export interface Response {
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

export const document = (from: Catalogue = small): Document => openapi(from, about) as Document;
export const resolved = (doc: Document, given: unknown): unknown => {
  const { $ref } = given as { readonly $ref?: string };
  if ($ref === undefined) return given;
  return $ref
    .slice(2)
    .split("/")
    .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], doc);
};
export const of = (path: string, method: string, doc = document()): Documented => doc.paths[path]?.[method] as Documented;
export const codes = (documented: Documented): Record<string, unknown> => {
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
