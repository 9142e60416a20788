/** How a NATS server is reached and signed in to, as the client's `connect` takes it: it reads no more than a host from an address. */
export interface NatsServer {
  readonly servers: string;
  readonly user?: string;
  readonly pass?: string;
  /** Asked for by `tls://`: then a server without TLS is refused. */
  readonly tls?: object;
}

/** Reads `nats://user:password@host:4222` or `tls://…`. */
export function natsServer(url: string): NatsServer {
  const { host, username, password, protocol } = new URL(url);
  return {
    servers: host,
    ...(username === "" ? {} : { user: decodeURIComponent(username), pass: decodeURIComponent(password) }),
    ...(protocol === "tls:" ? { tls: {} } : {}),
  };
}
