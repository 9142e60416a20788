/** Connection options of a NATS server for the client's `connect`, which reads only the host from a URL. */
export interface NatsServer {
  readonly servers: string;
  readonly user?: string;
  readonly pass?: string;
  /** Set for `tls://`: a server without TLS is then rejected. */
  readonly tls?: object;
}

/** Parses `nats://user:password@host:4222` or `tls://…`. */
export function natsServer(url: string): NatsServer {
  const { host, username, password, protocol } = new URL(url);
  return {
    servers: host,
    ...(username === "" ? {} : { user: decodeURIComponent(username), pass: decodeURIComponent(password) }),
    ...(protocol === "tls:" ? { tls: {} } : {}),
  };
}
