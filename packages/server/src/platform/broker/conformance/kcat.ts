import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { kafkaTopicOf } from "../kafka-topics.ts";
import type { ForeignMessage } from "./broker-fixture.ts";

const run = promisify(execFile);

/** Writes records with kcat, a client of librdkafka: the key is the subject, if there is one, and the headers are those of the binding. */
export const producedByKcat =
  (brokers: string) =>
  async ({ exchange, address, body, contentType, attributes = {} }: ForeignMessage): Promise<void> => {
    const folder = await mkdtemp(join(tmpdir(), "gatehouse-kcat-"));
    const file = join(folder, "record");
    try {
      // A file is one record, whatever its bytes.
      await writeFile(file, body);
      const headers = Object.entries(attributes).map(([name, value]) => `ce_${name}=${value}`);
      if (contentType !== undefined) headers.push(`content-type=${contentType}`);
      const given = headers.flatMap((header) => ["-H", header]);
      // acks=all, one record at a time.
      await run("kcat", ["-b", brokers, "-P", "-t", kafkaTopicOf(exchange, address), "-X", "acks=all", ...given, file]);
    } finally {
      await rm(folder, { recursive: true });
    }
  };
