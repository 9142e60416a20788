import { Admin } from "@platformatic/kafka";
import type { BrokerConsumer } from "./broker.ts";
import type { KafkaConnection } from "./kafka-connection.ts";
import { refusalIn } from "./refusals.ts";

/** A record of a topic. */
export interface KafkaRecord {
  readonly topic: string;
  readonly key: string;
  readonly value: string;
  readonly headers?: { readonly [name: string]: string };
}

export type Produce = (records: readonly KafkaRecord[]) => Promise<void>;

/** One topic per family of events, so that a subject's events are in one partition: `iam.events.user`. */
export const kafkaTopicOf = (exchange: string, topic: string): string => `${exchange}.${topic.split(".")[0]}`;

export const redriveTopicOf = (consumer: string): string => `${consumer}.again`;
export const deadTopicOf = (consumer: string): string => `${consumer}.dead`;

/** The families that a consumer's patterns name, and whether a wildcard also matches unknown families. */
export function namedFamilies({ exchange, topics }: BrokerConsumer): { readonly named: readonly string[]; readonly open: boolean } {
  const first = topics.map((pattern) => pattern.split(".")[0] as string);
  const named = first.filter((word) => word !== "*" && word !== "#").map((word) => kafkaTopicOf(exchange, word));
  return { named: [...new Set(named)], open: first.some((word) => word === "*" || word === "#") };
}

export class KafkaTopics {
  readonly #connection: KafkaConnection;
  readonly #known = new Set<string>();
  #admin: Admin | undefined;

  constructor(connection: KafkaConnection) {
    this.#connection = connection;
  }

  /** Creates missing topics. A cluster that does not allow this to clients creates them itself or has them. */
  async ensure(topics: readonly string[], configs: readonly { readonly name: string; readonly value: string }[] = []): Promise<void> {
    const missing = topics.filter((topic) => !this.#known.has(topic));
    if (missing.length === 0) return;
    const admin = this.#client();
    try {
      // -1: as the cluster is configured.
      await admin.createTopics({ topics: missing, partitions: -1, replicas: -1, configs: [...configs] });
    } catch (error) {
      const text = JSON.stringify(error, ["message", "errors", "apiId", "code"]);
      if (!/TOPIC_ALREADY_EXISTS|Unsupported API|UNSUPPORTED_API|AUTHORIZATION_FAILED/i.test(text)) throw error;
      await admin.metadata({ topics: [...missing], autocreateTopics: true, forceUpdate: true }).catch(() => {
        // The first error explains why the topics are missing.
        throw error;
      });
    }
    for (const topic of missing) this.#known.add(topic);
  }

  /** The topics of an exchange that exist now. */
  async familiesIn(exchange: string): Promise<readonly string[]> {
    const topics = await this.#client().listTopics();
    return topics.filter((topic) => topic.startsWith(`${exchange}.`));
  }

  /** Existing topics that may not be used, with the cluster's error texts. Creates none. */
  async refused(topics: readonly string[]): Promise<readonly string[]> {
    const findings: string[] = [];
    for (const topic of topics) {
      try {
        await this.#client().metadata({ topics: [topic], autocreateTopics: false, forceUpdate: true });
      } catch (error) {
        const refusal = refusalIn(error);
        if (refusal !== undefined) findings.push(`the topic ${topic}: ${refusal}`);
        else if (!/UNKNOWN_TOPIC/.test(JSON.stringify(error, ["errors", "apiId"]))) throw error;
      }
    }
    return findings;
  }

  async ping(): Promise<void> {
    await this.#client().metadata({ topics: [], forceUpdate: true });
  }

  async close(): Promise<void> {
    await this.#admin?.close();
    this.#admin = undefined;
  }

  #client(): Admin {
    this.#admin ??= new Admin(this.#connection);
    return this.#admin;
  }
}
