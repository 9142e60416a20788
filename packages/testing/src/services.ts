import { once } from "node:events";
import { connect } from "node:net";

/** The addresses of the services for tests; a variable overrides each. */
export const services = {
  postgresql: process.env["TEST_DATABASE_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres",
  redis: process.env["TEST_REDIS_URL"] ?? "redis://127.0.0.1:6379",
  nats: process.env["TEST_NATS_URL"] ?? "nats://127.0.0.1:4222",
  mariadb: process.env["TEST_MARIADB_URL"] ?? "mysql://root@127.0.0.1:3306/test",
  rabbitmq: process.env["TEST_RABBITMQ_URL"] ?? "amqp://guest:guest@127.0.0.1:5672",
} as const;

export type Service = keyof typeof services;

const defaultPorts: Readonly<Record<string, number>> = {
  "postgres:": 5432,
  "postgresql:": 5432,
  "mysql:": 3306,
  "redis:": 6379,
  "rediss:": 6379,
  "nats:": 4222,
  "amqp:": 5672,
};
const probeMs = 2_000;

/** True in `npm run test:services`, which tests adapters and programs; `npm test` needs no external server. */
export const servicesAsked = process.env["TEST_BACKEND"] === "postgresql";

/** True if the service listens. Tests that need it are skipped with the reason where it does not. */
export const listens = async (service: Service): Promise<boolean> => servicesAsked && (await listensAt(services[service]));

/** True when something listens at an address. */
export async function listensAt(address: string): Promise<boolean> {
  const { hostname, port, protocol } = new URL(address);
  const socket = connect({ host: hostname, port: Number(port) || (defaultPorts[protocol] as number) });
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(probeMs) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
