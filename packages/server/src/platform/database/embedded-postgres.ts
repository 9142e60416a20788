import { type ExecProtocolOptions, type ExecProtocolOptionsStream, PGlite, type Transaction } from "@electric-sql/pglite";
import { Unavailable } from "../unavailable.ts";
import type { DiskReserve } from "./disk-reserve.ts";

/** First bytes of messages that begin a statement: Query and Parse (PostgreSQL, "Message Formats"). */
const beginsStatement: ReadonlySet<number> = new Set([0x51, 0x50]);

/**
 * PGlite, guarded against what ends it. Below the disk's reserve PostgreSQL is read-only: a write fails with 25006 before it
 * touches the disk, reads go on, and writes are taken again once there is room. Where PostgreSQL ends all the same (PANIC),
 * every call is rejected from then on; PGlite itself would call the ended program again and again, and block its thread.
 */
export class EmbeddedPostgres extends PGlite {
  /** Resolves with the reason when PostgreSQL has ended: only a new process can open its files again. */
  readonly lost: Promise<Error>;
  readonly #reserve: DiskReserve | undefined;
  readonly #tellLost: (reason: Error) => void;
  #ended: Unavailable | undefined;
  #isGuarded = false;
  #isReadOnly = false;

  constructor(options: { dataDir: string; loadDataDir?: Blob }, reserve?: DiskReserve) {
    super(options);
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.lost = promise;
    this.#tellLost = resolve;
    this.#reserve = reserve;
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  override execProtocolRawSync(message: Uint8Array): Uint8Array {
    if (this.#ended) throw this.#ended;
    this.#noticeEnd();
    return super.execProtocolRawSync(message);
  }

  override async execProtocol(message: Uint8Array, options?: ExecProtocolOptions) {
    await this.#holdReserve(message);
    return super.execProtocol(message, options);
  }

  override async execProtocolStream(message: Uint8Array, options?: ExecProtocolOptionsStream) {
    await this.#holdReserve(message);
    return super.execProtocolStream(message, options);
  }

  /**
   * Kysely begins a transaction by this and waits for `work` to be called, for ever where BEGIN fails (kysely, pglite-driver). So it is
   * called in any case, and in a program that has ended its first statement fails.
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

  /** Nothing is left to close in a program that has ended; its files are recovered at the next start. */
  override async close(): Promise<void> {
    if (!this.#ended) await super.close();
  }

  /** Called with PGlite's lock held, so that nothing comes between the setting and the statement. */
  async #holdReserve(message: Uint8Array): Promise<void> {
    if (!this.#reserve || !this.ready || this.#ended || !beginsStatement.has(message[0] as number)) return;
    const isShort = this.#reserve.isShort();
    if (isShort !== this.#isReadOnly) {
      await this.#set(`default_transaction_read_only = ${isShort ? "on" : "off"}`);
      this.#isReadOnly = isShort;
    }
    // A transaction that began while there was room, or that was begun as one that writes.
    if (isShort && this.isInTransaction()) await this.#set("transaction_read_only = on");
  }

  /** In a transaction that has failed already the setting is refused, and nothing can be written either. */
  async #set(assignment: string): Promise<void> {
    await super.execProtocolStream(queryMessage(`set ${assignment}`), { throwOnError: false, syncToFs: false });
  }

  /** PGlite calls the main loop until its input is consumed, whatever it throws. A program that has ended never consumes it. */
  #noticeEnd(): void {
    if (this.#isGuarded) return;
    this.#isGuarded = true;
    const program = this.Module;
    // The status by which PostgreSQL leaves a statement that failed and goes on. PGlite keeps it private.
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
    this.#tellLost(new Error("the embedded PostgreSQL has ended; its files are recovered at the next start", { cause }));
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
