import { setTimeout as pause } from "node:timers/promises";
import type { Application } from "./application.ts";
import { type Answer, type HttpClient, isUnavailable } from "./http.ts";
import { LastValue, type Ledger, type Outcome, type Promised } from "./ledger.ts";
import type { Watches } from "./watches.ts";
import { type School, tokenMailed, unique } from "./world.ts";

const api = "/api/v1/iam";
/** The pause between two commands of one writer. */
const pauseMs = 25;
/** How long a permission is granted while readers use it. */
const heldMs = 300;
/** Password changes of one writer in one scenario: enough to end sessions, and few enough for the machine. */
const passwordChangesMax = 3;
/** The attempts of one change, each of which may meet an unavailable service. */
const linksMax = 3;

/** A client that continuously changes one school, and records the acknowledgements. */
export class Writer {
  readonly #application: Application;
  readonly #school: School;
  readonly #ledger: Ledger;
  readonly #watches: Watches;
  #stopped = false;
  #passwordChanges = 0;
  readonly #work: Promise<void>;

  constructor(
    application: Application,
    school: School,
    ledger: Ledger,
    watches: Watches,
    names: { readonly role: string; readonly firstName: string },
  ) {
    this.#application = application;
    this.#school = school;
    this.#ledger = ledger;
    this.#watches = watches;
    ledger.roles.set(school.id, new LastValue(names.role));
    ledger.firstNames.set(school.id, new LastValue(names.firstName));
    this.#work = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#work;
  }

  async #run(): Promise<void> {
    const steps = [
      () => this.#createOrganization(),
      () => this.#invite(),
      () => this.#grantAndRevoke(),
      () => this.#invite(),
      () => this.#changeRole(),
      () => this.#updateProfile(),
      () => this.#grantAndRevoke(),
      () => this.#beginAndEndSession(),
    ];
    for (let turn = 0; !this.#stopped; turn += 1) {
      const step = steps[turn % steps.length] as () => Promise<void>;
      await step().catch((error) => void this.#ledger.surprises.push(String(error)));
      // Hashing occupies a processor, so it is done only a few times.
      if (turn % 40 === 10 && this.#passwordChanges < passwordChangesMax) {
        this.#passwordChanges += 1;
        await this.#changePassword().catch((error) => void this.#ledger.surprises.push(String(error)));
      }
      await pause(pauseMs);
    }
  }

  get #http(): HttpClient {
    return this.#application.http;
  }

  /** Records the outcome of a command. `also` has the statuses by which a second attempt shows that the first succeeded. */
  #outcomeOf(route: string, answer: Answer, wanted: number, promised: (answer: Answer) => Promised, also: readonly number[] = []): Outcome {
    const repeated = answer.tries > 1 && also.includes(answer.status);
    if (answer.status === wanted || repeated) {
      this.#ledger.promise(promised(answer));
      return "done";
    }
    this.#ledger.unknown += 1;
    if (!isUnavailable(answer)) this.#ledger.surprises.push(`${route}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return "unknown";
  }

  async #createOrganization(): Promise<void> {
    const name = `Made ${unique()}`;
    const route = `POST ${api}/organizations`;
    const { token } = this.#school.owner;
    const answer = await this.#http.call(route, { token, body: { name, slug: name.toLowerCase().replace(" ", "-"), country: "VN" } });
    const outcome = this.#outcomeOf(route, answer, 201, ({ revision }) => ({ type: "organization.created.v1", revision }));
    this.#ledger.organizations.push({ name, organizationId: this.#school.id, outcome, id: answer.body?.id });
  }

  async #invite(): Promise<void> {
    const { id, owner, roles } = this.#school;
    const name = `guest-${unique()}@example.com`;
    const route = `POST ${api}/organizations/${id}/invitations`;
    const answer = await this.#http.call(route, { token: owner.token, body: { email: name, roleId: roles[0] } });
    const outcome = this.#outcomeOf(route, answer, 201, ({ revision }) => ({ type: "invitation.created.v1", revision }));
    this.#ledger.invitations.push({ name, organizationId: id, outcome, id: answer.body?.id });
  }

  async #changeRole(): Promise<void> {
    const { id, owner, membershipId, roles } = this.#school;
    const current = this.#ledger.roles.get(id) as LastValue;
    const roleId = current.allows(roles[0]) ? roles[1] : roles[0];
    const route = `PUT ${api}/organizations/${id}/memberships/${membershipId}`;
    const answer = await this.#http.call(route, { token: owner.token, body: { roleId } });
    // A second attempt changes nothing and emits no event, so the event is identified by its subject.
    const outcome = this.#outcomeOf(route, answer, 200, () => ({
      type: "membership.roles_changed.v1",
      subject: `membership/${membershipId}`,
    }));
    current.wrote(roleId, outcome);
  }

  async #updateProfile(): Promise<void> {
    const { id, owner } = this.#school;
    const firstName = `Owner ${unique()}`;
    const route = `PUT ${api}/users/me`;
    const answer = await this.#http.call(route, { token: owner.token, body: { firstName } });
    const outcome = this.#outcomeOf(route, answer, 200, () => ({ type: "user.profile_updated.v1", subject: `user/${owner.id}` }));
    (this.#ledger.firstNames.get(id) as LastValue).wrote(firstName, outcome);
  }

  /** Grants the member one document, lets readers use it, and revokes it; every third grant stays. */
  async #grantAndRevoke(): Promise<void> {
    const { id, owner, member } = this.#school;
    const name = `document-${unique()}`;
    const route = `POST ${api}/grants`;
    const made = await this.#http.call(route, {
      token: owner.token,
      body: { organizationId: id, resource: { type: "Document", id: name }, relation: "reader", subject: { type: "user", id: member.id } },
    });
    const outcome = this.#outcomeOf(route, made, 201, ({ revision }) => ({ type: "grant.created.v1", revision }));
    const grant = { name, organizationId: id, outcome, id: made.body?.id } as { removed?: Outcome } & Ledger["grants"][number];
    this.#ledger.grants.push(grant);
    if (outcome !== "done" || this.#ledger.grants.length % 3 === 0) return;
    const watch = this.#watches.add({
      what: `the right to ${name}`,
      accepted: ({ status, body }) => status === 200 && body.isAuthorized === true,
      use: (http) =>
        http.call(`POST ${api}/authorization/check`, {
          token: member.token,
          body: { userId: member.id, tenantId: id, actionType: "Document.Read", resourceType: "Document", resourceId: name },
        }),
    });
    await pause(heldMs);
    const away = `DELETE ${api}/grants/${grant.id}`;
    const subject = `grant/${grant.id}`;
    const taken = await this.#http.call(away, { token: owner.token });
    grant.removed = this.#outcomeOf(away, taken, 204, () => ({ type: "grant.revoked.v1", subject }), [404]);
    if (grant.removed === "done") watch.revokedAt = taken.endedAt;
    else this.#forget(watch);
  }

  async #beginAndEndSession(): Promise<void> {
    const { member } = this.#school;
    const route = `POST ${api}/auth/login`;
    const begun = await this.#http.call(route, { body: { email: member.email, password: member.password } });
    if (this.#outcomeOf(route, begun, 200, ({ revision }) => ({ type: "session.started.v1", revision })) !== "done") return;
    const token: string = begun.body.sessionToken;
    const watch = this.#watches.add({
      what: "a session that was ended",
      accepted: ({ status }) => status === 200,
      use: (http) => http.call(`GET ${api}/auth/session`, { token }),
    });
    await pause(heldMs);
    const away = `POST ${api}/auth/logout`;
    const ended = await this.#http.call(away, { token });
    // A second attempt with a session that the first has ended is refused as unauthenticated.
    const outcome = this.#outcomeOf(away, ended, 204, ({ revision }) => ({ type: "session.ended.v1", revision }), [401]);
    if (outcome === "done") watch.revokedAt = ended.endedAt;
    else this.#forget(watch);
  }

  /** Resets the password by a mailed link, which ends every earlier session of the member. */
  async #changePassword(): Promise<void> {
    const { member } = this.#school;
    const password = `a quiet harbour ${unique()}`;
    const old = member.token;
    const watch = this.#watches.add({
      what: "a session from before a change of password",
      accepted: ({ status }) => status === 200,
      use: (http) => http.call(`GET ${api}/auth/session`, { token: old }),
    });
    const changedAt = await this.#passwordChangedTo(password);
    if (changedAt === undefined) {
      this.#forget(watch);
      this.#ledger.surprises.push(`${linksMax} links in turn did not change the password`);
      return;
    }
    this.#ledger.promise({ type: "user.password_changed.v1", subject: `user/${member.id}` });
    this.#ledger.passwordChanges += 1;
    watch.revokedAt = changedAt;
    member.password = password;
    const { body } = await this.#http.must(200, `POST ${api}/auth/login`, { body: { email: member.email, password } }, 60_000);
    member.token = body.sessionToken;
  }

  /** The latest time of the reset; undefined if no link succeeded. */
  async #passwordChangedTo(password: string): Promise<number | undefined> {
    const { email } = this.#school.member;
    for (let link = 0; link < linksMax; link += 1) {
      const before = this.#application.mails.received.filter(
        (mail) => mail.to.includes(email) && mail.text.includes("/reset-password"),
      ).length;
      await this.#http.must(202, `POST ${api}/auth/forgot-password`, { body: { email } }, 60_000);
      const token = await tokenMailed(this.#application, email, "/reset-password", before);
      const changed = await this.#http.must([204, 400, 409], `POST ${api}/auth/reset-password`, { body: { token, password } }, 60_000);
      if (changed.status === 204) return changed.endedAt;
      // Either an attempt without an answer has used the link, or a repeated request has replaced it. The password shows which.
      const { status } = await this.#http.must([200, 401], `POST ${api}/auth/login`, { body: { email, password } }, 60_000);
      if (status === 200) return changed.endedAt;
    }
    return undefined;
  }

  #forget(watch: object): void {
    const at = this.#watches.all.indexOf(watch as never);
    if (at >= 0) this.#watches.all.splice(at, 1);
  }
}
