import { existsSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { eventually } from "@gatehouse/testing/until.ts";
import { administrator } from "./support/application.ts";
import { HttpClient } from "./support/http.ts";
import { openFleet } from "./support/product.ts";
import type { Scenario } from "./support/stage.ts";
import { tokenMailed, unique } from "./support/world.ts";

/** How far the other processes' clock is ahead; more than the lifetime of what lasts a minute. */
const aheadSeconds = 600;
/** The minimum that the configuration accepts. */
const shortestSeconds = 60;

/**
 * Runs processes whose clock is ten minutes ahead together with those with the right time. They decide by the database's clock, report
 * DOWN, and run no jobs; the others run them.
 */
export const clockScenario: Scenario = {
  name: "a clock that is ten minutes off",
  guarantee: "Sessions expire by the database's clock, the process is DOWN and runs no job, and no job is lost.",
  async run({ application }) {
    const library = fakeTimeLibrary();
    if (library === undefined) throw new Error("libfaketime is not installed");
    const problems: string[] = [];
    const short = {
      ...application.environment,
      SESSION_IDLE_SECONDS: String(shortestSeconds),
      SESSION_ABSOLUTE_SECONDS: String(shortestSeconds),
      NATS_PREFIX: `ahead-${unique()}`,
    };
    const ahead = { ...short, LD_PRELOAD: library, FAKETIME: `+${aheadSeconds}`, FAKETIME_DONT_FAKE_MONOTONIC: "1" };
    // On the same database, but under another NATS prefix, so that it is known which clock answers.
    const off = await openFleet({ environment: ahead, each: 1, startedBy: "/health" });
    try {
      const there = new HttpClient(off.of("gateway").map(({ url }) => url));
      const { http } = application;
      const login = { body: { email: administrator.email, password: administrator.password } };
      const here = await http.must(200, "POST /api/v1/iam/auth/login", login);
      const fromAhead = await there.must(200, "POST /api/v1/iam/auth/login", login);
      const shiftMs = Date.parse(fromAhead.body.expiresAt) - shortestSeconds * 1_000 - Date.now();
      if (Math.abs(shiftMs) > 30_000) problems.push(`a session of the clock ahead ends ${Math.round(shiftMs / 1_000)} s off`);
      for (const [where, made] of [
        [there, here],
        [http, here],
        [http, fromAhead],
        [there, fromAhead],
      ] as const) {
        const { status } = await where.call("GET /api/v1/iam/auth/session", { token: made.body.sessionToken });
        if (status !== 200) problems.push(`a session within its time was answered with ${status}`);
      }
      const email = `ahead-${unique()}@example.com`;
      const registration = { email, password: administrator.password, firstName: "A", lastName: "Head", locale: "en" };
      await there.must(201, "POST /api/v1/iam/auth/register", { body: registration });
      const began = performance.now();
      await tokenMailed(application, email, "/verify-email");
      const mailMs = Math.round(performance.now() - began);
      await eventually(
        async () => {
          const withDatabase = off.members.filter(({ role }) => role !== "gateway");
          const ready = await Promise.all(withDatabase.map((member) => member.ready()));
          if (ready.some(Boolean)) throw new Error("a process whose clock is wrong says that it is ready");
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
