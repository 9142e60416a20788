/** What a transport knows of a request beside its input and its credential. The client sends all of it, so none of it is trusted. */
export interface Origin {
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string;
  readonly traceId: string;
}
