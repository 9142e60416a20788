import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { ofSuite } from "@gatehouse/testing/suite.ts";

export interface LogoutRequest {
  readonly method: string | undefined;
  readonly type: string | undefined;
  readonly token: string | null;
}

/** The back-channel logout address of a relying party, and what was sent there. */
export interface BackChannel {
  readonly url: string;
  readonly received: readonly LogoutRequest[];
}

export function backChannelOfSuite(): () => BackChannel {
  const received: LogoutRequest[] = [];
  const server = ofSuite<Server>(
    async () => {
      const http = createServer(async (request, response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk);
        const token = new URLSearchParams(Buffer.concat(chunks).toString()).get("logout_token");
        received.push({ method: request.method, type: request.headers["content-type"], token });
        response.end();
      });
      http.listen(0, "127.0.0.1");
      await once(http, "listening");
      return http;
    },
    async (http) => {
      http.closeAllConnections();
      http.close();
    },
  );
  return () => ({ url: `http://127.0.0.1:${(server().address() as AddressInfo).port}/logout`, received });
}
