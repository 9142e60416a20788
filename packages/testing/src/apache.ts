import { execFileSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { removedAtEnd, start } from "./child.ts";
import { openService, type Service } from "./own-service.ts";

const program = "/usr/sbin/apache2";
const modules = "/usr/lib/apache2/modules";

/** Why no Apache with mod_auth_openidc can be used; undefined if one can. */
export const whyNoApache = existsSync(join(modules, "mod_auth_openidc.so"))
  ? undefined
  : "Apache with mod_auth_openidc is not installed (Debian: apache2, libapache2-mod-auth-openidc)";

/** The relying party that an Apache is: its own address, and its client at a provider. */
export interface ApacheSettings {
  readonly port: number;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Starts an Apache of the test's own, whose folder `/protected` is for users of the provider. It has no part of the system's configuration. */
export async function startApache(settings: ApacheSettings): Promise<Service> {
  const folder = removedAtEnd(mkdtempSync(join(tmpdir(), "gatehouse-apache-")));
  const [file, pages] = [join(folder, "apache.conf"), join(folder, "pages")];
  mkdirSync(join(pages, "protected"), { recursive: true });
  writeFileSync(join(pages, "protected", "index.html"), "protected\n");
  writeFileSync(join(pages, "signed-out.html"), "signed out\n");
  writeFileSync(file, configurationOf(settings, folder));
  // Started by root, Apache would want to change its user itself.
  const as = userInfo().uid === 0 ? { uid: idOf("-u"), gid: idOf("-g") } : undefined;
  if (as)
    for (const path of [folder, ...readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name))])
      chownSync(path, as.uid, as.gid);
  const url = `http://localhost:${settings.port}`;
  return openService({
    name: "apache2",
    url,
    folder,
    run: () => start(program, ["-f", file, "-DFOREGROUND"], { ...as, env: {} }),
    answers: async () => void (await fetch(`${url}/signed-out.html`)),
  });
}

const idOf = (which: string): number => Number(execFileSync("id", [which, "www-data"], { encoding: "utf8" }));

const loaded = ["mpm_event", "authn_core", "authz_core", "authz_user", "dir", "headers", "mime", "env", "auth_openidc"];

const configurationOf = ({ port, issuer, clientId, clientSecret }: ApacheSettings, folder: string): string => `
ServerRoot ${folder}
DefaultRuntimeDir ${folder}
PidFile ${folder}/pid
ServerName localhost
Listen 127.0.0.1:${port}
${loaded
  .filter((name) => existsSync(join(modules, `mod_${name}.so`)))
  .map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`)
  .join("\n")}
TypesConfig /dev/null
ErrorLog "|$/bin/cat >&2"
LogLevel warn auth_openidc:info
StartServers 1
ThreadsPerChild 8
MaxRequestWorkers 8
ServerLimit 1
DocumentRoot ${folder}/pages
DirectoryIndex index.html
OIDCProviderMetadataURL ${issuer}/.well-known/openid-configuration
OIDCClientID ${clientId}
OIDCClientSecret ${clientSecret}
OIDCRedirectURI http://localhost:${port}/protected/callback
OIDCDefaultLoggedOutURL http://localhost:${port}/signed-out.html
OIDCCryptoPassphrase ${clientSecret}
OIDCScope "openid email profile"
OIDCResponseType code
OIDCPKCEMethod S256
OIDCRemoteUserClaim sub
<Location /protected>
  AuthType openid-connect
  Require valid-user
  Header always set x-remote-user "expr=%{REMOTE_USER}"
  Header always set x-claim-email "%{OIDC_CLAIM_email}e"
</Location>
`;
