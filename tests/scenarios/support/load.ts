import type { Application } from "./application.ts";
import type { HttpClient, Seen } from "./http.ts";
import { Ledger } from "./ledger.ts";
import { type Verified, verify } from "./verify.ts";
import { Watches } from "./watches.ts";
import type { School } from "./world.ts";
import { Writer } from "./writer.ts";

/** The published bound: how long a revoked permission may still be used. */
export const revocationBoundMs = 1_000;
const readersDefault = 3;

export interface LoadReport extends Verified {
  /** Milliseconds after the acknowledgement at which a revoked permission was last accepted; 0 if never. */
  readonly revocationMsMax: number;
  readonly revocationMsP99: number;
}

/** Clients and readers of every school, which start at once. */
export class Load {
  readonly ledger = new Ledger();
  readonly watches: Watches;
  readonly #application: Application;
  readonly #schools: readonly School[];
  readonly #writers: readonly Writer[];
  readonly #firstSeen: number;

  private constructor(
    application: Application,
    schools: readonly School[],
    names: readonly { role: string; firstName: string }[],
    readers: number,
  ) {
    this.#application = application;
    this.#schools = schools;
    this.#firstSeen = application.http.seen.length;
    this.watches = new Watches(application.http, readers);
    this.#writers = schools.map(
      (school, index) => new Writer(application, school, this.ledger, this.watches, names[index] as { role: string; firstName: string }),
    );
  }

  static async start(application: Application, schools: readonly School[], readers = readersDefault): Promise<Load> {
    return new Load(application, schools, await Promise.all(schools.map((school) => presentNames(application.http, school))), readers);
  }

  /** The requests and answers since the load began. */
  get seen(): readonly Seen[] {
    return this.#application.http.seen.slice(this.#firstSeen);
  }

  /** Stops the clients, waits until all work is done, and verifies. */
  async stopAndVerify(): Promise<LoadReport> {
    await Promise.all(this.#writers.map((writer) => writer.stop()));
    await this.watches.stop();
    await this.#application.fleet.allReady();
    const verified = await verify(this.#application, this.#schools, this.ledger);
    const taken = this.watches.all.filter(({ revokedAt, usesAfter }) => revokedAt !== undefined && usesAfter > 0);
    const late = taken.map(({ acceptedLateMs }) => acceptedLateMs).sort((a, b) => a - b);
    const problems = taken
      .filter(({ acceptedLateMs }) => acceptedLateMs > revocationBoundMs)
      .map(({ what, acceptedLateMs }) => `${what} was accepted ${Math.round(acceptedLateMs)} ms after it was taken`);
    return {
      problems: [...verified.problems, ...problems, ...this.#application.fleet.falls],
      counts: { ...verified.counts, passwordChanges: this.ledger.passwordChanges, revocations: taken.length, uses: this.watches.uses },
      revocationMsMax: Math.round(late.at(-1) ?? 0),
      revocationMsP99: Math.round(percentile(late, 0.99)),
    };
  }
}

async function presentNames(http: HttpClient, { id, owner, membershipId }: School): Promise<{ role: string; firstName: string }> {
  const members = await http.must(200, `GET /api/v1/iam/organizations/${id}/memberships`, { token: owner.token });
  const me = await http.must(200, "GET /api/v1/iam/users/me", { token: owner.token });
  const member = members.body.items.find((row: { id: string }) => row.id === membershipId);
  return { role: member.roleId, firstName: me.body.firstName };
}

/** Of sorted values. */
export const percentile = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
