import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Certificate {
  readonly key: string;
  /** PEM, self-signed. */
  readonly cert: string;
}

/** Creates a certificate for a name or an address (`DNS:broker.example`, `IP:127.0.0.1`), valid for a day, by `openssl`; undefined if that is missing. */
export function selfSigned(subject: string): Certificate | undefined {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-certificate-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=contract"];
  try {
    execFileSync("openssl", [...request, "-addext", `subjectAltName=${subject}`, "-keyout", key, "-out", cert], { stdio: "ignore" });
    return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
