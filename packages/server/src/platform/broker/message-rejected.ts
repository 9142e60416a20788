/**
 * The broker permanently rejects a message: it is larger than the broker allows, or fails the
 * broker's own validation. Of several messages that were published together, at least one is rejected.
 */
export class MessageRejected extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = "MessageRejected";
  }
}

/** Kafka's names of errors that concern one record or batch, not the connection or the topic. */
const kafkaRejections = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_RECORD"]);
/** JetStream's API error codes: message size exceeds the maximum of the stream; header size exceeds the maximum. */
const jetStreamRejections = new Set([10054, 10097]);
/** RabbitMQ closes the channel with PRECONDITION_FAILED and this text; the NATS client compares with the server's `max_payload`. */
const rejectionText = /message size \d+ is larger than configured max size|max_payload size exceeded/;
/** The maximum number of nested errors; a client wraps the broker's error a few causes deep. */
const errorsMax = 50;

/** Whether an error says that the broker rejects the message itself. */
export function isRejection(error: unknown): boolean {
  const open: unknown[] = [error];
  for (let seen = 0; open.length > 0 && seen < errorsMax; seen += 1) {
    const one = open.shift();
    if (!(one instanceof Error)) continue;
    const { apiId, code } = one as { readonly apiId?: unknown; readonly code?: unknown };
    if (kafkaRejections.has(apiId as string) || jetStreamRejections.has(code as number) || rejectionText.test(one.message)) return true;
    open.push(one.cause, ...((one as Partial<AggregateError>).errors ?? []));
  }
  return false;
}
