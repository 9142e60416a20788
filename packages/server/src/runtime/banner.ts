import { acceptsRemoteCallers, type Configuration } from "./configuration.ts";

/** The text that a start prints. The set-up link is a credential: it is printed here and never logged. */
export function banner(configuration: Configuration, url: string, setUpToken: string | null): string {
  const { settings, databaseUrl, dataDir } = configuration;
  const lines = [
    `Gatehouse ${settings.version} is ready at ${url}`,
    "",
    ...storage(databaseUrl, dataDir),
    `  ${services(configuration)}`,
    mails(configuration, url),
    `  API: ${url}/docs`,
    "",
    ...(setUpToken === null
      ? []
      : ["Make the first administrator with this link; it works once:", `  ${settings.publicUrl}/setup?token=${setUpToken}`, ""]),
  ];
  return `\n${lines.join("\n")}\n`;
}

function mails(configuration: Configuration, url: string): string {
  const { smtpUrl } = configuration;
  if (smtpUrl !== undefined) return `  mails: sent to ${new URL(smtpUrl).host}`;
  return acceptsRemoteCallers(configuration)
    ? "  mails: neither sent nor shown, because other machines can connect; set SMTP_URL"
    : `  mails: not sent, shown at ${url}/dev/inbox`;
}

const brokers: Readonly<Record<string, string>> = { "amqp:": "RabbitMQ", "amqps:": "RabbitMQ", "kafka:": "Kafka" };

/** Names the service behind each port; what is not configured runs in this process. */
function services({ redis, eventsUrl, natsUrl }: Configuration): string {
  const found = [
    ["cache and limits", redis && "Redis"],
    ["events", eventsUrl && (brokers[/^\w+:/.exec(eventsUrl)?.[0] ?? ""] ?? "NATS JetStream")],
    ["requests", natsUrl && "NATS"],
  ] as const;
  const outside = found.flatMap(([port, where]) => (where === undefined ? [] : [`${port}: ${where}`]));
  const inside = found.filter(([, where]) => where === undefined).map(([port]) => port);
  return [...outside, ...(inside.length === 0 ? [] : [`${inside.join(", ")}: in this process`])].join("; ");
}

function storage(databaseUrl: string | undefined, dataDir: string): readonly string[] {
  if (databaseUrl !== undefined) return ["  storage: PostgreSQL"];
  if (dataDir === "memory") return ["  storage: embedded, in memory; nothing is persisted"];
  return [`  storage: embedded, in ${dataDir}; it survives a kill, not a power cut (set DATABASE_URL for PostgreSQL)`];
}
