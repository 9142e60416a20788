import { connect, type NatsConnection } from "@nats-io/transport-node";

/** Where NATS listens; every row uses subjects of its own. */
export const natsUrl = process.env["BENCH_NATS_URL"] ?? "nats://127.0.0.1:4222";

export async function connectNats(scope: AsyncDisposableStack): Promise<NatsConnection> {
  const connection = await connect({ servers: natsUrl }).catch((error: Error) => {
    throw new Error(`this row needs NATS at ${natsUrl} (BENCH_NATS_URL): ${error.message}`);
  });
  scope.defer(() => connection.close());
  return connection;
}

/** Requests that are asked one after the other, over and over, and what is right of their answers. */
export interface Asked {
  readonly subject: string;
  readonly bodies: readonly Uint8Array[];
  /** Throws unless this is a right answer. */
  expect(answer: string): void;
}

const timeoutMs = 10_000;
/** One answer of so many is read and checked under load; before and after, each is. */
const checkedOf = 256;

/** Answers per second with `inFlight` requests under way all the time. A wrong or missing answer ends the run. */
export async function askForSeconds(connection: NatsConnection, asked: Asked, inFlight: number, seconds: number): Promise<number> {
  await checkAll(connection, asked);
  let answered = 0;
  let next = 0;
  const beganAt = performance.now();
  const endAt = beganAt + seconds * 1_000;
  const one = async (): Promise<void> => {
    while (performance.now() < endAt) {
      const body = asked.bodies[next++ % asked.bodies.length];
      const answer = await connection.request(asked.subject, body, { timeout: timeoutMs });
      answered += 1;
      if (answered % checkedOf === 0) asked.expect(answer.string());
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  const rate = answered / ((performance.now() - beganAt) / 1_000);
  await checkAll(connection, asked);
  return rate;
}

async function checkAll(connection: NatsConnection, { subject, bodies, expect }: Asked): Promise<void> {
  for (const body of bodies) expect((await connection.request(subject, body, { timeout: timeoutMs })).string());
}
