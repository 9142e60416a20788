import pg from "pg";

/** A statement as it was sent, with the settings of its transaction: tenant, user and role. */
export interface Recorded {
  readonly text: string;
  readonly values: readonly unknown[];
  readonly settings: readonly Sent[];
  /** What the transaction may see: an organization, `internal`, `*`, `none`. */
  readonly scope: string;
}

interface Sent {
  readonly text: string;
  readonly values: readonly unknown[];
}

type Query = (...parameters: unknown[]) => unknown;

/**
 * Records every statement that any connection of this process sends to PostgreSQL. Stores the newest of each text and scope.
 */
export class StatementRecorder {
  readonly #recorded = new Map<string, Recorded>();
  readonly #settings = new WeakMap<object, Sent[]>();
  readonly #original = pg.Client.prototype.query as unknown as Query;

  start(): void {
    const record = (client: object, text: unknown, values: unknown): void =>
      this.#record(client, text, Array.isArray(values) ? values : []);
    const original = this.#original;
    (pg.Client.prototype as { query: unknown }).query = function (this: pg.Client, ...parameters: unknown[]) {
      record(this, parameters[0], parameters[1]);
      return original.apply(this, parameters);
    };
  }

  stop(): readonly Recorded[] {
    (pg.Client.prototype as { query: unknown }).query = this.#original;
    return [...this.#recorded.values()];
  }

  #record(client: object, text: unknown, values: readonly unknown[]): void {
    if (typeof text !== "string") return;
    if (/^\s*(begin|start transaction)/i.test(text)) this.#settings.set(client, []);
    const settings = this.#settings.get(client);
    // Statements outside of a transaction are migrations and queries of the login itself.
    if (settings === undefined || /^\s*(begin|start|commit|rollback|savepoint|release)/i.test(text)) return;
    if (text.includes("set_config(")) {
      settings.push({ text, values });
      return;
    }
    if (!/^\s*(select|insert|update|delete|with)\b/i.test(text)) return;
    const scope = scopeOf(settings);
    this.#recorded.set(`${scope} ${text}`, { text, values, settings: [...settings], scope });
  }
}

function scopeOf(settings: readonly Sent[]): string {
  const tenant = settings.findLast(({ text }) => text.includes("app.tenant"))?.values.find((value) => value !== undefined);
  return typeof tenant === "string" && /^[0-9a-f-]{36}$/i.test(tenant) ? "an organization" : String(tenant ?? "none");
}
