import { randomBytes } from "node:crypto";
import type { Account } from "../fixture.ts";
import { natsUrl } from "./nats.ts";
import { freshDatabase } from "./postgres.ts";
import { freshRedis } from "./redis.ts";
import { scratchFolder } from "./scratch.ts";

/** The shared environment of a new installation's processes: its services, its key, its administrator. */
export async function freshInstallation(scope: AsyncDisposableStack, admin: Account) {
  return {
    DATABASE_URL: await freshDatabase(scope),
    REDIS_URL: await freshRedis(scope),
    NATS_URL: natsUrl,
    NATS_PREFIX: `bench-${randomBytes(6).toString("hex")}`,
    GATEHOUSE_DATA_DIR: await scratchFolder(scope),
    GATEHOUSE_MASTER_KEY: randomBytes(32).toString("base64"),
    GATEHOUSE_ADMIN_EMAIL: admin.email,
    GATEHOUSE_ADMIN_PASSWORD: admin.password,
    GATEHOUSE_SIGN_IN_LIMIT: "off",
    GATEHOUSE_DECISION_STEPS: "1000000000",
    GATEHOUSE_QUOTA_ORGANIZATIONS: "1000000",
  };
}
