import { connect, type NatsConnection } from "@nats-io/transport-node";

/** The address of NATS; every benchmark uses its own subjects. */
export const natsUrl = process.env["BENCH_NATS_URL"] ?? "nats://127.0.0.1:4222";

export async function connectNats(scope: AsyncDisposableStack): Promise<NatsConnection> {
  const connection = await connect({ servers: natsUrl }).catch((error: Error) => {
    throw new Error(`this benchmark needs NATS at ${natsUrl} (BENCH_NATS_URL): ${error.message}`);
  });
  scope.defer(() => connection.close());
  return connection;
}

/** Requests that are sent repeatedly, and the check of their answers. */
export interface Requests {
  readonly subject: string;
  readonly bodies: readonly Uint8Array[];
  /** Throws unless this is a right answer. */
  expect(answer: string): void;
}

const timeoutMs = 10_000;
/** Under load one answer of so many is checked; before and after, each is. */
const checkedOf = 256;

/** Answers per second with `inFlight` requests in flight. A wrong or missing answer ends the run. */
export async function requestForSeconds(
  connection: NatsConnection,
  requests: Requests,
  inFlight: number,
  seconds: number,
): Promise<number> {
  await checkAll(connection, requests);
  let answered = 0;
  let next = 0;
  const beganAt = performance.now();
  const endAt = beganAt + seconds * 1_000;
  const one = async (): Promise<void> => {
    while (performance.now() < endAt) {
      const body = requests.bodies[next++ % requests.bodies.length];
      const answer = await connection.request(requests.subject, body, { timeout: timeoutMs });
      answered += 1;
      if (answered % checkedOf === 0) requests.expect(answer.string());
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  const rate = answered / ((performance.now() - beganAt) / 1_000);
  await checkAll(connection, requests);
  return rate;
}

async function checkAll(connection: NatsConnection, { subject, bodies, expect }: Requests): Promise<void> {
  for (const body of bodies) expect((await connection.request(subject, body, { timeout: timeoutMs })).string());
}
