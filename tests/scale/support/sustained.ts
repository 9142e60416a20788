import type { Installation } from "./installation.ts";
import { groupOf, holderOf, leafOf, type Size } from "./population.ts";

/** The time after which grants and revocations must take effect. */
export const takenWithinMs = 2_000;
export const givenWithinMs = 30_000;

export interface Report {
  readonly changes: number;
  readonly checks: number;
  /** Checks without an answer or with a wrong one. */
  readonly refused: readonly string[];
  /** Checks of the changing permission that were answered with 503, because the policy came later than the time limit of a check. */
  readonly waitedTooLong: number;
  readonly checkMs: readonly number[];
  readonly takenMs: readonly number[];
  readonly givenMs: readonly number[];
}

const api = "/api/v1/iam";
const lanes = 4;
/** Four lanes send about 150 checks a second, so that the changes load the machine and not the checks. */
const pauseMs = 25;
/** The interval of polling for an effect. */
const lookEveryMs = 10;

type Body = {
  readonly id: string;
  readonly isAuthorized?: boolean;
  readonly error?: { readonly code: string };
  readonly sessionToken: string;
};

/** Defines, moves and deletes permissions sequentially for `seconds`, during checks of other permissions. */
export async function sustain({ url, administrator }: Installation, size: Size, seconds: number): Promise<Report> {
  const call = async (method: string, path: string, body?: object, token?: string): Promise<{ status: number; body: Body }> => {
    const answer = await fetch(`${url}${api}/${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: (text === "" ? {} : JSON.parse(text)) as Body };
  };
  const { sessionToken } = (await call("POST", "auth/login", administrator)).body;
  const must = async (method: string, path: string, body?: object): Promise<Body> => {
    const answer = await call(method, path, body, sessionToken);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const check = (role: number, actionType: string) => {
    const { userId, organizationId } = holderOf(size, role);
    return call("POST", "authorization/check", { userId, tenantId: organizationId, actionType }, sessionToken);
  };

  const report = {
    changes: 0,
    checks: 0,
    refused: [] as string[],
    waitedTooLong: 0,
    checkMs: [] as number[],
    takenMs: [] as number[],
    givenMs: [] as number[],
  };
  let changing = true;
  const checks = Array.from({ length: lanes }, async (_, lane) => {
    for (let index = lane; changing; index += lanes) {
      // A few hundred holders: most are cached, some are not.
      const role = (index * 7_919) % Math.min(size.roles, 500 + index);
      const { root, group } = holderOf(size, role);
      const begun = performance.now();
      const answer = await check(role, leafOf(root, group, index % 10)).catch((error: Error) => ({
        status: 0,
        body: { error: error.message },
      }));
      report.checkMs.push(performance.now() - begun);
      report.checks += 1;
      const allowed = answer.status === 200 && (answer.body as Body).isAuthorized === true;
      if (!allowed) report.refused.push(`${answer.status} ${JSON.stringify(answer.body)}`);
      await pause(pauseMs);
    }
  });
  /** The time until a check decides as expected; infinite after half a minute. An error is not an effect. */
  const effect = async (role: number, action: string, isSo: (answer: { status: number; body: Body }) => boolean): Promise<number> => {
    const begun = performance.now();
    while (performance.now() - begun < givenWithinMs) {
      const answer = await check(role, action);
      if (isSo(answer)) return performance.now() - begun;
      if (answer.status === 503) report.waitedTooLong += 1;
      await pause(lookEveryMs);
    }
    return Number.POSITIVE_INFINITY;
  };
  const allows = ({ body }: { body: Body }) => body.isAuthorized === true;
  const denies = ({ body }: { body: Body }) => body.isAuthorized === false;
  const isUnknown = ({ body }: { body: Body }) => body.error?.code === "access.unknown_permission";

  const [one, other] = [holderOf(size, 0), holderOf(size, 1)];
  const until = performance.now() + seconds * 1_000;
  try {
    for (let round = 0; performance.now() < until; round += 1) {
      const value = `Scale.Sustained${round}`;
      const { id } = await must("POST", "permissions", { value, scope: "Organization", parent: groupOf(one.root, one.group) });
      report.givenMs.push(await effect(0, value, allows));
      await must("PUT", `permissions/${id}`, { parent: groupOf(other.root, other.group) });
      report.takenMs.push(await effect(0, value, denies));
      report.givenMs.push(await effect(1, value, allows));
      await must("DELETE", `permissions/${id}`);
      report.takenMs.push(await effect(1, value, isUnknown));
      report.changes += 3;
    }
  } finally {
    changing = false;
    await Promise.all(checks);
  }
  return report;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
