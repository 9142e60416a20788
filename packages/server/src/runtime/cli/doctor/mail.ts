import { smtpMail } from "../../../platform/mail/smtp.ts";
import type { Configuration } from "../../configuration.ts";
import { bad, type Finding, good } from "./check.ts";

export async function checkMail({ smtpUrl, mailFrom }: Configuration): Promise<readonly Finding[]> {
  if (smtpUrl === undefined) return [good("no SMTP_URL: mails are shown at /dev/inbox")];
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
