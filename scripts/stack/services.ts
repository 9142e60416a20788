import { listensAt } from "@gatehouse/testing/services.ts";

interface Service {
  readonly variable: string;
  readonly address: string;
  readonly name: string;
  /** Whether the stack needs it; a missing optional service is only reported. */
  readonly needed: boolean;
}

const services: readonly Service[] = [
  { variable: "DATABASE_URL", address: "postgres://postgres@127.0.0.1:5432/gatehouse_stack", name: "PostgreSQL", needed: true },
  { variable: "NATS_URL", address: "nats://127.0.0.1:4222", name: "NATS", needed: true },
  { variable: "REDIS_URL", address: "redis://127.0.0.1:6379", name: "Redis", needed: false },
  { variable: "EVENTS_URL", address: "amqp://guest:guest@127.0.0.1:5672", name: "RabbitMQ", needed: false },
];

/** The addresses of the variables, or the default ones on this machine where a service listens. */
export async function findServices() {
  const environment: Record<string, string | undefined> = {};
  const missing: string[] = [];
  for (const { variable, address, name, needed } of services) {
    const given = process.env[variable];
    const url = given ?? address;
    if (await listensAt(url)) environment[variable] = url;
    else if (needed || given !== undefined) missing.push(`${name} at ${new URL(url).host} (${variable} names another)`);
    else environment[variable] = undefined;
  }
  return { environment, missing };
}
