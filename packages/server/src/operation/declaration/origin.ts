/** The origin of a request: everything but input and credential. The client controls these values, so none of them is trusted. */
export interface Origin {
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string;
  readonly traceId: string;
}
