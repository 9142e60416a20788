import { randomBytes } from "node:crypto";
import type { Service } from "@gatehouse/testing/own-service.ts";
import { openNats, openPostgres, openRabbitmq, openRedis } from "@gatehouse/testing/own-services.ts";
import { type SmtpReceiver, smtpReceiver } from "../../../packages/server/src/platform/mail/conformance/smtp-receiver.ts";
import { capabilities } from "./capabilities.ts";
import { HttpClient } from "./http.ts";
import { type Fleet, openFleet } from "./product.ts";

export const administrator = { email: "administrator@example.com", password: "a quiet green harbour" } as const;

/** Services of the scenario's own, the product's processes on them, and an HTTP client. */
export interface Application {
  readonly postgresql: Service;
  readonly nats: Service;
  readonly redis: Service | undefined;
  readonly rabbitmq: Service | undefined;
  readonly mails: SmtpReceiver;
  readonly fleet: Fleet;
  readonly http: HttpClient;
  /** The environment of every process. */
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export interface ApplicationOptions {
  readonly each?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

export async function openApplication({ each = 2, environment: more = {} }: ApplicationOptions = {}): Promise<Application> {
  const { sharedCache, broker } = capabilities;
  const [postgresql, nats, redis, rabbitmq, mails] = await Promise.all([
    openPostgres(),
    openNats(),
    sharedCache ? openRedis() : undefined,
    broker ? openRabbitmq() : undefined,
    smtpReceiver(),
  ]);
  const services = [postgresql, nats, redis, rabbitmq].filter((service) => service !== undefined);
  const closeServices = async (): Promise<void> => {
    await Promise.all(services.map((service) => service.close()));
    await mails.close();
  };
  const environment = {
    DATABASE_URL: postgresql.url,
    NATS_URL: nats.url,
    ...(redis ? { REDIS_URL: redis.url } : {}),
    ...(rabbitmq ? { EVENTS_URL: rabbitmq.url } : {}),
    SMTP_URL: mails.url,
    GATEHOUSE_MASTER_KEY: randomBytes(32).toString("base64"),
    GATEHOUSE_ADMIN_EMAIL: administrator.email,
    GATEHOUSE_ADMIN_PASSWORD: administrator.password,
    // The clients sign in more often from one address than people do.
    GATEHOUSE_SIGN_IN_LIMIT: "off",
    GATEHOUSE_DECISION_STEPS: "1000000000",
    GATEHOUSE_QUOTA_ORGANIZATIONS: "1000000",
    // Small pools, so that broken connections are used soon.
    DATABASE_POOL: "6",
    LOG_LEVEL: "warn",
    ...more,
  };
  try {
    const fleet = await openFleet({ environment, each });
    const http = new HttpClient(fleet.of("gateway").map((member) => member.url));
    return {
      postgresql,
      nats,
      redis,
      rabbitmq,
      mails,
      fleet,
      http,
      environment,
      async close() {
        await fleet.close();
        await closeServices();
      },
    };
  } catch (error) {
    await closeServices();
    throw error;
  }
}
