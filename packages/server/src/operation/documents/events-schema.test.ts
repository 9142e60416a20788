import { Compile } from "typebox/compile";
import { describe, expect, it } from "vitest";
import { toCloudEvent } from "#platform/broker/cloud-event.ts";
import type { LoggedEvent } from "#platform/log/event.ts";
import { catalogue } from "../declaration/catalogue.ts";
import { defineEvent, type EventDefinition } from "../declaration/event.ts";
import { module } from "../declaration/module.ts";
import { nullable, Secret, Type, Uuid } from "../declaration/schema.ts";
import { eventSchemas } from "./events-schema.ts";

const BookLent = defineEvent({
  type: "book.lent.v2",
  summary: "A book was lent.",
  subject: ["book", "bookId"],
  tenant: "organizationId",
  data: Type.Object({ bookId: Uuid, organizationId: Uuid, reader: Type.Object({ name: Type.String(), pin: Secret({ maxLength: 9 }) }) }),
});
const CardIssued = defineEvent({
  type: "card.issued.v1",
  summary: "A reader has a card.",
  subject: ["card", "cardId"],
  tenant: "organizationId",
  data: Type.Object({ cardId: Uuid, organizationId: nullable(Uuid) }),
});
const ReaderRegistered = defineEvent({
  type: "reader.registered.v1",
  summary: "A reader has registered.",
  subject: ["reader", "readerId"],
  data: Type.Object({ readerId: Uuid, tags: Type.Array(Type.Object({ tag: Type.String() })) }),
});

const library = module("library", { store: { reads: () => ({}), writes: () => ({}) } });
const of = (...events: readonly EventDefinition[]) => catalogue([{ module: library, operations: [], events, steps: [] }]);
const schemas = eventSchemas(of(ReaderRegistered as never, BookLent as never, CardIssued as never));
const accepts = (type: string, event: unknown): boolean => Compile(schemas[type] as never).Check(event);

const red = "0198a000-0000-7000-8000-0000000000aa";
const bookId = "0198a000-0000-7000-8000-000000000001";
const source = "https://gatehouse.example";
const logged: LoggedEvent = {
  id: "0198a000-0000-7000-8000-00000000e001",
  type: "book.lent.v2",
  subject: `book/${bookId}`,
  organizationId: red,
  data: { bookId, organizationId: red, reader: { name: "Ada", pin: "1" } },
  position: { transaction: "18446744073709551615", sequence: "7" },
  occurredAt: new Date("2025-02-03T04:05:06.789Z"),
  actor: "user:0198c0de-0000-7000-8000-000000000009",
  traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
};

describe("a published event", () => {
  it("is a CloudEvent 1.0 with the product's extensions", () => {
    expect(toCloudEvent(logged, source)).toEqual({
      specversion: "1.0",
      id: logged.id,
      source: "https://gatehouse.example",
      type: "book.lent.v2",
      subject: `book/${bookId}`,
      time: "2025-02-03T04:05:06.789Z",
      datacontenttype: "application/json",
      tenantid: red,
      revision: "18446744073709551615",
      traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      actor: "user:0198c0de-0000-7000-8000-000000000009",
      schemaversion: "2",
      data: logged.data,
    });
  });

  it("omits attributes without a value instead of sending null", () => {
    const event = toCloudEvent({ ...logged, organizationId: null, traceparent: null, actor: null }, source);
    expect(event).not.toHaveProperty("tenantid");
    expect(event).not.toHaveProperty("actor");
    expect(event).not.toHaveProperty("traceparent");
    expect(JSON.parse(JSON.stringify(event))).toEqual(event);
  });

  it("has attribute names of at most 20 lower-case letters and digits, as CloudEvents requires", () => {
    for (const name of Object.keys(toCloudEvent(logged, source))) expect(name).toMatch(/^[a-z0-9]{1,20}$/);
  });
});

describe("the schemas of events", () => {
  it("exist for every event, sorted by type, as JSON Schema 2020-12", () => {
    expect(Object.keys(schemas)).toEqual(["book.lent.v2", "card.issued.v1", "reader.registered.v1"]);
    for (const [type, schema] of Object.entries(schemas)) {
      expect(schema).toMatchObject({
        $schema: "https://json-schema.org/draft/2020-12/schema",
        $id: `/schemas/events/${type}`,
        title: type,
      });
      expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
    }
  });

  it("do not depend on the order of the declarations", () => {
    const reversed = eventSchemas(of(CardIssued as never, BookLent as never, ReaderRegistered as never));
    expect(JSON.stringify(reversed)).toBe(JSON.stringify(schemas));
  });

  it("accept the published events", () => {
    const cardId = bookId;
    expect(accepts("book.lent.v2", toCloudEvent(logged, source))).toBe(true);
    const card = { ...logged, type: "card.issued.v1", subject: `card/${cardId}` };
    expect(accepts("card.issued.v1", toCloudEvent({ ...card, data: { cardId, organizationId: red } }, source))).toBe(true);
    expect(accepts("card.issued.v1", toCloudEvent({ ...card, organizationId: null, data: { cardId, organizationId: null } }, source))).toBe(
      true,
    );
    const reader = { ...logged, type: "reader.registered.v1", subject: `reader/${bookId}`, organizationId: null, traceparent: null };
    expect(accepts("reader.registered.v1", toCloudEvent({ ...reader, data: { readerId: bookId, tags: [] } }, source))).toBe(true);
  });

  it("accept an event of the same version with a field that was added later, at any depth", () => {
    const event = toCloudEvent(
      { ...logged, data: { ...logged.data, since: "v2.1", reader: { name: "Ada", pin: "1", title: "Dr" } } },
      source,
    );
    expect(accepts("book.lent.v2", { ...event, anotherextension: "x" })).toBe(true);
    expect(JSON.stringify(schemas)).not.toContain("additionalProperties");
  });

  const sent: Record<string, unknown> = { ...toCloudEvent(logged, source) };
  it.each(["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "tenantid", "revision", "schemaversion", "data"])(
    "refuse an event without %s",
    (attribute) => {
      const { [attribute]: _left, ...rest } = sent;
      expect(accepts("book.lent.v2", sent)).toBe(true);
      expect(accepts("book.lent.v2", rest)).toBe(false);
    },
  );

  it.each<[string, Record<string, unknown>]>([
    ["another type", { type: "book.lent.v1" }],
    ["another version", { schemaversion: "1" }],
    ["another version of CloudEvents", { specversion: "0.3" }],
    ["the subject of another kind", { subject: `card/${bookId}` }],
    ["a subject without an id", { subject: "book/" }],
    ["a revision that is a number", { revision: 7 }],
    ["a tenant that is none", { tenantid: null }],
    ["data of another event", { data: { cardId: bookId } }],
    ["no data", { data: null }],
  ])("refuse an event with %s", (_what, changed) => {
    expect(accepts("book.lent.v2", { ...sent, ...changed })).toBe(false);
  });

  it("require a tenant only where every such event has one, and omit it where none has", () => {
    expect(schemas["book.lent.v2"]).toMatchObject({ required: expect.arrayContaining(["tenantid"]) });
    expect(schemas["card.issued.v1"]).toMatchObject({
      required: expect.not.arrayContaining(["tenantid"]),
      properties: { tenantid: { type: "string" } },
    });
    expect((schemas["reader.registered.v1"] as { properties: object }).properties).not.toHaveProperty("tenantid");
  });

  it("contain no keyword of this program's own", () => {
    expect(JSON.stringify(schemas)).toContain('"pin":{"type":"string","maxLength":9}');
    expect(JSON.stringify(schemas)).not.toMatch(/x-secret|"~/);
  });

  it("do not change the declarations", () => {
    expect((BookLent.data as { readonly additionalProperties?: boolean }).additionalProperties).toBe(false);
  });
});
