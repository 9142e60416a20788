import type { Configuration } from "./configuration.ts";

/** What a person sees at start. The set-up link is a credential: it is printed here and never logged. */
export function banner(configuration: Configuration, url: string, setUpToken: string | null): string {
  const { settings, databaseUrl, dataDir, smtpUrl } = configuration;
  const lines = [
    `Gatehouse ${settings.version} is ready at ${url}`,
    "",
    ...storage(databaseUrl, dataDir),
    "  cache, events and requests: in this process",
    ...(smtpUrl === undefined ? [`  mails: not sent, shown at ${url}/dev/inbox`] : []),
    `  API: ${url}/docs`,
    "",
    ...(setUpToken === null
      ? []
      : ["Make the first administrator with this link; it works once:", `  ${settings.publicUrl}/setup?token=${setUpToken}`, ""]),
  ];
  return `\n${lines.join("\n")}\n`;
}

function storage(databaseUrl: string | undefined, dataDir: string): readonly string[] {
  if (databaseUrl !== undefined) return ["  storage: PostgreSQL"];
  if (dataDir === "memory") return ["  storage: embedded, in memory; nothing is kept"];
  return [`  storage: embedded, in ${dataDir}; it survives a kill, not a power cut (set DATABASE_URL for PostgreSQL)`];
}
