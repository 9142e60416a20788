import { type ExecProtocolOptions, type ExecProtocolOptionsStream, PGlite, type Transaction } from "@electric-sql/pglite";
import { Unavailable } from "../unavailable.ts";
import type { DiskReserve } from "./disk-reserve.ts";

/** Type bytes of messages that begin a statement: Query and Parse (PostgreSQL, "Message Formats"). */
const beginsStatement: ReadonlySet<number> = new Set([0x51, 0x50]);

/**
 * PGlite, protected against a full disk and a crash. Below the disk reserve PostgreSQL is read-only: a write fails with 25006 before it
 * touches the disk, reads continue, and writes work again once there is space. If PostgreSQL ends nevertheless (PANIC),
 * every later call is rejected; PGlite itself would call the ended program repeatedly, and block its thread.
 */
export class EmbeddedPostgres extends PGlite {
  /** Resolves with the reason when PostgreSQL has ended: only a new process can open its files again. */
  readonly lost: Promise<Error>;
  readonly #reserve: DiskReserve | undefined;
  readonly #resolveLost: (reason: Error) => void;
  #ended: Unavailable | undefined;
  #isGuarded = false;
  #isReadOnly = false;

  constructor(options: { dataDir: string; loadDataDir?: Blob }, reserve?: DiskReserve) {
    super(options);
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.lost = promise;
    this.#resolveLost = resolve;
    this.#reserve = reserve;
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  override execProtocolRawSync(message: Uint8Array): Uint8Array {
    if (this.#ended) throw this.#ended;
    this.#detectEnd();
    return super.execProtocolRawSync(message);
  }

  override async execProtocol(message: Uint8Array, options?: ExecProtocolOptions) {
    await this.#enforceReserve(message);
    return super.execProtocol(message, options);
  }

  override async execProtocolStream(message: Uint8Array, options?: ExecProtocolOptionsStream) {
    await this.#enforceReserve(message);
    return super.execProtocolStream(message, options);
  }

  /**
   * Kysely begins a transaction by this method and waits for the call of `work`, forever if BEGIN fails (kysely, pglite-driver). So `work` is
   * called in any case, and its first statement fails if the program has ended.
   */
  override async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    let hasBegun = false;
    try {
      return await super.transaction((tx) => {
        hasBegun = true;
        return work(tx);
      });
    } catch (error) {
      if (hasBegun) throw error;
      const refuse = () => Promise.reject(error);
      return work({ closed: false, query: refuse, sql: refuse, exec: refuse, listen: refuse, rollback: async () => {} });
    }
  }

  /** A program that has ended cannot be closed; its files are recovered at the next start. */
  override async close(): Promise<void> {
    if (!this.#ended) await super.close();
  }

  /** Called while PGlite's lock is held, so that no other statement runs between the setting and the statement. */
  async #enforceReserve(message: Uint8Array): Promise<void> {
    if (!this.#reserve || !this.ready || this.#ended || !beginsStatement.has(message[0] as number)) return;
    const isShort = this.#reserve.isShort();
    if (isShort !== this.#isReadOnly) {
      await this.#set(`default_transaction_read_only = ${isShort ? "on" : "off"}`);
      this.#isReadOnly = isShort;
    }
    // A transaction that began while there was space, or as read write.
    if (isShort && this.isInTransaction()) await this.#set("transaction_read_only = on");
  }

  /** In a failed transaction the setting is rejected, but no write is possible either. */
  async #set(assignment: string): Promise<void> {
    await super.execProtocolStream(queryMessage(`set ${assignment}`), { throwOnError: false, syncToFs: false });
  }

  /** Makes PGlite stop when the program has ended: it calls the main loop until the input is consumed, which then never happens. */
  #detectEnd(): void {
    if (this.#isGuarded) return;
    this.#isGuarded = true;
    const program = this.Module;
    // The exit status of a failed statement after which PostgreSQL continues. It is private in PGlite.
    const jump: unknown = Reflect.get(this, "POSTGRES_MAIN_LONGJMP");
    const [runOnce, restoreStack] = [program._PostgresMainLoopOnce, program.stackRestore];
    program._PostgresMainLoopOnce = () => {
      try {
        runOnce();
      } catch (error) {
        if ((error as { readonly status?: number }).status !== jump) this.#end(error);
        throw error;
      }
    };
    program.stackRestore = (pointer) => {
      if (this.#ended) throw this.#ended;
      return restoreStack(pointer);
    };
  }

  #end(cause: unknown): void {
    this.#ended = new Unavailable("database", cause);
    this.#resolveLost(new Error("the embedded PostgreSQL has ended; its files are recovered at the next start", { cause }));
  }
}

/** A Query message: its type, its length, and the text with a closing zero. */
function queryMessage(text: string): Uint8Array {
  const message = Buffer.alloc(text.length + 6);
  message.write("Q", 0, "latin1");
  message.writeInt32BE(text.length + 5, 1);
  message.write(text, 5, "latin1");
  return message;
}
