/** Attack 28 of docs/security/attacks.md. */
import { times } from "@gatehouse/testing/lanes.ts";
import { address, anAddress, newPerson, password } from "@gatehouse/testing/people.ts";
import { startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { hash as bcryptHash } from "@node-rs/bcrypt";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, it } from "vitest";

// Hashes of an algorithm other than PASSWORD_HASH take several times as long.

let server: TestServer;
const old: string[] = [];
const current: string[] = [];
beforeAll(async () => {
  server = await startTestServer();
  // Of another installation, or from before the setting was changed.
  const hashed = await bcryptHash(password, 12);
  for (const _ of times(2)) {
    old.push((await newPerson(server, "old")).email);
    current.push((await newPerson(server, "current")).email);
  }
  for (const email of old) {
    await sql`update credentials set secret = ${hashed} from users where users.id = user_id and email = ${email}`.execute(
      server.application.platform.database.owner,
    );
  }
});
afterAll(() => server.close());

const median = (values: readonly number[]): number => [...values].sort((one, other) => one - other)[values.length >> 1] as number;

/** Processor time of all threads. Hashing never waits, so a busy machine hardly changes it. */
async function timeOfWrongPassword(email: string): Promise<number> {
  const began = process.cpuUsage();
  const answer = await server.call("POST /api/v1/iam/auth/login", { body: { email, password: "wrong wrong wrong" }, from: anAddress() });
  expect(answer.status).toBe(401);
  const { user, system } = process.cpuUsage(began);
  return user + system;
}

it("a wrong password takes equally long for an account with an older hash, for others and for no account", {
  // A busy machine takes this long for 28 sequential bcrypt hashes.
  timeout: 300_000,
}, async () => {
  const measured = { old: [] as number[], current: [] as number[], unknown: [] as number[] };
  for (const _ of times(1)) await timeOfWrongPassword(address("warm"));
  for (const round of times(5)) {
    measured.old.push(await timeOfWrongPassword(old[round % 2] as string));
    measured.current.push(await timeOfWrongPassword(current[round % 2] as string));
    measured.unknown.push(await timeOfWrongPassword(address("nobody")));
  }
  const [one, two, three] = [median(measured.old), median(measured.current), median(measured.unknown)];
  expect(Math.max(one, two, three) / Math.min(one, two, three)).toBeLessThan(1.5);
});
