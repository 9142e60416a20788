import { type Budget, evaluationLimits, stepCosts, tooManySteps } from "../budget.ts";
import type { Environment } from "../condition/condition.ts";
import { RelationshipIndex } from "../relation/index-in-memory.ts";
import type { RelationshipReader } from "../relation/relationship.ts";
import type { View } from "./view.ts";

/** The subject's session: `$session`. */
export interface SessionFacts {
  readonly id?: string | undefined;
  /** When the user signed in, in milliseconds since 1970 or as ISO 8601. */
  readonly authenticatedAt?: number | string | undefined;
  /** Authentication methods (RFC 8176: `pwd`, `otp`, `mfa`, `hwk` …). */
  readonly methods?: readonly string[] | undefined;
  /** The principal that acts for the subject (RFC 8693 `act`), as `user:<id>` or `service:<id>`. */
  readonly actor?: string | undefined;
  readonly [attribute: string]: unknown;
}

/** The context of a request, in addition to the subject and the action. */
export interface RequestContext {
  /** Absent fields are unknown: a resource without an id means the type as a whole. */
  readonly resource?:
    | {
        readonly type?: string | undefined;
        readonly id?: string | undefined;
        readonly attributes?: Readonly<Record<string, unknown>> | undefined;
      }
    | undefined;
  /** `$request`. */
  readonly request?: Readonly<Record<string, unknown>> | undefined;
  readonly session?: SessionFacts | undefined;
  /** Permissions to which the credential is limited, including their descendants; absent: no limit. */
  readonly scopes?: ReadonlySet<string> | undefined;
  /** A second limit, for a credential that evaluates itself with narrower scopes. The action must be within both. */
  readonly callerScopes?: ReadonlySet<string> | undefined;
  /** Milliseconds since 1970; absent: now. */
  readonly now?: number | undefined;
  /** The shared budget of one request's decisions; absent: only each decision is limited. */
  readonly budget?: Budget | undefined;
  /** Absent: there are no relationships. */
  readonly relationships?: RelationshipReader | undefined;
}

export const nothing: Readonly<Record<string, unknown>> = Object.freeze(Object.create(null));
export const noRelationships: RelationshipReader = new RelationshipIndex();

/** The values of placeholders for one evaluation. Expensive ones are computed once, on first use. */
class ContextEnvironment implements Environment {
  readonly #view: View;
  readonly #context: RequestContext;
  #now: number | undefined;
  #resource: Environment["resource"] | undefined;
  #stepsLeft: number;

  constructor(view: View, context: RequestContext, steps: number) {
    this.#view = view;
    this.#context = context;
    this.#now = context.now;
    this.#stepsLeft = steps;
  }

  spend(steps: number): void {
    this.#stepsLeft -= steps;
    if (this.#stepsLeft < 0) throw tooManySteps("decision");
    this.#context.budget?.spend(steps);
  }

  get user(): Environment["user"] {
    return this.#view.user;
  }

  get tenant(): Environment["tenant"] {
    return this.#view.tenant;
  }

  get session(): Environment["session"] {
    return (this.#context.session as Environment["session"] | undefined) ?? nothing;
  }

  get request(): Environment["request"] {
    return this.#context.request ?? nothing;
  }

  get resource(): Environment["resource"] {
    const { resource } = this.#context;
    if (this.#resource === undefined) {
      this.#resource = resource === undefined ? nothing : { ...resource.attributes, id: resource.id, type: resource.type };
      this.spend(Object.keys(this.#resource).length * stepCosts.member);
    }
    return this.#resource;
  }

  /** The same time for the whole evaluation. */
  get now(): number {
    this.#now ??= Date.now();
    return this.#now;
  }
}

/** `steps`: the budget of the evaluation. */
export const environmentOf = (view: View, context: RequestContext, steps: number = evaluationLimits.decisionSteps): Environment =>
  new ContextEnvironment(view, context, steps);
