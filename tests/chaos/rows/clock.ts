import { existsSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { Door } from "../support/door.ts";
import { eventually } from "../support/eventually.ts";
import { administrator } from "../support/house.ts";
import { openFleet } from "../support/product.ts";
import type { Row } from "../support/stage.ts";
import { tokenMailed, unique } from "../support/world.ts";

/** How far the other processes' clock goes ahead; enough to be over what lasts a minute. */
const aheadSeconds = 600;
/** The least that the configuration takes. */
const shortestSeconds = 60;

/**
 * Processes whose clock goes ten minutes ahead stand beside those with the right time. What they make must not last longer than
 * its time by the right clock, and what is over by theirs they must refuse; their jobs must not be lost.
 */
export const clockRow: Row = {
  name: "a clock that is ten minutes off",
  guarantee: "No session or invitation is accepted beyond its time and the difference of the clocks, and no job is lost.",
  async run({ house }) {
    const library = fakeTimeLibrary();
    if (library === undefined) throw new Error("libfaketime is not installed");
    const problems: string[] = [];
    const short = {
      ...house.environment,
      SESSION_IDLE_SECONDS: String(shortestSeconds),
      SESSION_ABSOLUTE_SECONDS: String(shortestSeconds),
      NATS_PREFIX: `ahead-${unique()}`,
    };
    const ahead = { ...short, LD_PRELOAD: library, FAKETIME: `+${aheadSeconds}`, FAKETIME_DONT_FAKE_MONOTONIC: "1" };
    // On the same database, but reached by another word of NATS, so that it is known which clock answers.
    const off = await openFleet({ environment: ahead, each: 1 });
    try {
      const there = new Door(off.of("gateway").map(({ url }) => url));
      const { door } = house;
      const login = { body: { email: administrator.email, password: administrator.password } };
      const here = await door.must(200, "POST /api/v1/iam/auth/login", login);
      const fromAhead = await there.must(200, "POST /api/v1/iam/auth/login", login);
      const shiftMs = Date.parse(fromAhead.body.expiresAt) - shortestSeconds * 1_000 - Date.now();
      if (Math.abs(shiftMs - aheadSeconds * 1_000) > 60_000) problems.push(`the clock is ${Math.round(shiftMs / 1_000)} s ahead`);
      // Idle for longer than its time, by the clock ahead: refused there, though it is minutes old here.
      const refused = await there.call("GET /api/v1/iam/auth/session", { token: here.body.sessionToken });
      if (refused.status !== 401) problems.push(`a session that is over by the process's clock was answered with ${refused.status}`);
      const accepted = await door.call("GET /api/v1/iam/auth/session", { token: here.body.sessionToken });
      if (accepted.status !== 200) problems.push(`a session within its time was answered with ${accepted.status}`);
      // Made ahead, it is not refused where the clock is right.
      const made = await door.call("GET /api/v1/iam/auth/session", { token: fromAhead.body.sessionToken });
      if (made.status !== 200) problems.push(`a session of the clock ahead was answered with ${made.status}`);
      const email = `ahead-${unique()}@example.com`;
      const registration = { email, password: administrator.password, firstName: "A", lastName: "Head", locale: "en" };
      await there.must(201, "POST /api/v1/iam/auth/register", { body: registration });
      const began = performance.now();
      await tokenMailed(house, email, "/verify-email");
      const mailMs = Math.round(performance.now() - began);
      await eventually(
        async () => {
          if (!(await Promise.all(off.members.map((member) => member.ready()))).every(Boolean)) throw new Error("a process is not ready");
        },
        { withinMs: 10_000 },
      );
      await pause(100);
      problems.push(...off.falls);
      return { problems, aheadSeconds, "mail of a job ms": mailMs };
    } finally {
      await off.close();
    }
  },
};

export const fakeTimeLibrary = (): string | undefined => {
  const places = [
    "/usr/lib/x86_64-linux-gnu/faketime",
    "/usr/lib/aarch64-linux-gnu/faketime",
    "/usr/lib/faketime",
    "/usr/local/lib/faketime",
  ];
  return places.map((folder) => `${folder}/libfaketimeMT.so.1`).find((path) => existsSync(path));
};
