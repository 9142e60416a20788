import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

/** A mail as received by a server. */
export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** Header names in lower case; encoded words decoded. */
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
  readonly html: string;
  /** The credentials of the session, as `user:password`. */
  readonly credentials: string | undefined;
}

export interface SmtpReceiver {
  readonly url: string;
  readonly received: readonly ReceivedMail[];
  /** Answers the next commands that begin with `command` with `reply`, like a server that rejects them. */
  refuse(command: string, reply: string): void;
  /** Ends a rejection. */
  accept(command: string): void;
  /** Accepts connections and stays silent. */
  fallSilent(): void;
  /** Breaks the connection in the middle of the next message's text. */
  breakInData(): void;
  close(): Promise<void>;
}

/** A small SMTP server (RFC 5321) that stores received mails for a test. */
export async function smtpReceiver(): Promise<SmtpReceiver> {
  const received: ReceivedMail[] = [];
  const refusals = new Map<string, string>();
  const sockets = new Set<Socket>();
  let silent = false;
  let breaksInData = false;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    if (silent) return;
    converse(socket);
  });

  function converse(socket: Socket): void {
    let buffered = "";
    let envelope = { from: "", to: [] as string[] };
    let inData = false;
    let credentials: string | undefined;
    const say = (line: string): void => void socket.write(`${line}\r\n`);
    const replyTo = (line: string): string => {
      const refusal = [...refusals].find(([command]) => line.toUpperCase().startsWith(command));
      if (refusal) return refusal[1];
      switch (line.slice(0, 4).toUpperCase()) {
        case "EHLO":
          return "250-receiver\r\n250-AUTH PLAIN\r\n250-8BITMIME\r\n250 SMTPUTF8";
        case "AUTH": {
          const [, user, password] = Buffer.from(line.split(" ")[2] ?? "", "base64")
            .toString("utf8")
            .split("\0");
          credentials = `${user}:${password}`;
          return "235 welcome";
        }
        case "MAIL":
          envelope = { from: addressOf(line), to: [] };
          return "250 ok";
        case "RCPT":
          envelope.to.push(addressOf(line));
          return "250 ok";
        case "DATA":
          inData = true;
          return "354 go on";
        case "QUIT":
          return "221 bye";
        default:
          return "250 ok";
      }
    };
    say("220 receiver");
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => {
      buffered += chunk;
      if (inData && breaksInData) return void socket.destroy();
      for (let end = buffered.indexOf(inData ? "\r\n.\r\n" : "\r\n"); end >= 0; end = buffered.indexOf(inData ? "\r\n.\r\n" : "\r\n")) {
        const piece = buffered.slice(0, end);
        buffered = buffered.slice(end + (inData ? 5 : 2));
        if (!inData) {
          say(replyTo(piece));
          continue;
        }
        inData = false;
        const refusal = refusals.get("CONTENT");
        if (refusal) {
          say(refusal);
          continue;
        }
        // A line that begins with a dot was sent with two (RFC 5321 §4.5.2).
        received.push({ ...envelope, ...parsed(piece.replaceAll(/^\./gm, "")), credentials });
        say("250 taken");
      }
    });
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    refuse: (command, reply) => void refusals.set(command.toUpperCase(), reply),
    accept: (command) => void refusals.delete(command.toUpperCase()),
    fallSilent: () => {
      silent = true;
    },
    breakInData: () => {
      breaksInData = true;
    },
    async close() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

const addressOf = (line: string): string => /<([^>]*)>/.exec(line)?.[1] ?? "";

interface Part {
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Parses a message with two alternatives (RFC 2045, 2046), in the forms that this product writes. */
function parsed(source: string): Pick<ReceivedMail, "headers" | "text" | "html"> {
  const whole = split(source);
  const boundary = /boundary="?([^";]+)"?/.exec(whole.headers.get("content-type") ?? "")?.[1];
  const parts =
    boundary === undefined
      ? [whole]
      : whole.body
          .split(`--${boundary}`)
          .slice(1, -1)
          .map((part) => split(part.replace(/^\r\n/, "")));
  const of = (type: string): string => {
    const found = parts.find((part) => part.headers.get("content-type")?.startsWith(type));
    return found === undefined ? "" : decoded(found).replaceAll("\r\n", "\n").replace(/\n$/, "");
  };
  return { headers: whole.headers, text: of("text/plain"), html: of("text/html") };
}

function split(source: string): Part {
  const end = source.indexOf("\r\n\r\n");
  const lines = source
    .slice(0, end)
    .replaceAll(/\r\n[ \t]+/g, " ")
    .split("\r\n");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.set(line.slice(0, colon).toLowerCase(), encodedWords(line.slice(colon + 1).trim()));
  }
  return { headers, body: source.slice(end + 4) };
}

function decoded({ headers, body }: Part): string {
  const encoding = headers.get("content-transfer-encoding");
  if (encoding === "base64") return Buffer.from(body, "base64").toString("utf8");
  if (encoding === "quoted-printable") return quotedPrintable(body.replaceAll("=\r\n", ""));
  return Buffer.from(body, "latin1").toString("utf8");
}

const quotedPrintable = (text: string): string =>
  Buffer.from(
    text.replaceAll(/=([\dA-F]{2})/gi, (_found, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  ).toString("utf8");

/** Decodes encoded words (RFC 2047); adjacent ones belong together. */
const encodedWords = (text: string): string =>
  text
    .replaceAll(/\?=\s+=\?/g, "?==?")
    .replaceAll(/=\?utf-8\?([bq])\?([^?]*)\?=/gi, (_found, encoding: string, word: string) =>
      encoding.toLowerCase() === "b"
        ? Buffer.from(word, "base64").toString("latin1")
        : word.replaceAll("_", " ").replaceAll(/=([\dA-F]{2})/gi, (_hex, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    )
    .replace(/^[\s\S]*$/, (bytes) => Buffer.from(bytes, "latin1").toString("utf8"));
