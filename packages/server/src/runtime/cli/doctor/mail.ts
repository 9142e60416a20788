import { smtpMail } from "#platform/mail/smtp.ts";
import { acceptsRemoteCallers, type Configuration } from "../../configuration.ts";
import { bad, type Finding, good, warning } from "./check.ts";

export async function checkMail(configuration: Configuration): Promise<readonly Finding[]> {
  const { smtpUrl, mailFrom } = configuration;
  if (smtpUrl === undefined) {
    return acceptsRemoteCallers(configuration)
      ? [warning("no SMTP_URL: mails are neither sent nor shown, because other machines can connect")]
      : [good("no SMTP_URL: mails are shown at /dev/inbox")];
  }
  const transport = smtpMail(smtpUrl, mailFrom);
  try {
    await transport.ping();
    return [good("the SMTP server answers")];
  } catch (error) {
    return [bad(`the SMTP server does not answer: ${(error as Error).message}`)];
  } finally {
    await transport.close();
  }
}
