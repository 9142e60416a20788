import { Agent, type IncomingHttpHeaders, request as open } from "node:http";

export interface HttpRequest {
  method: "GET" | "POST" | "PUT" | "DELETE";
  path: string;
  headers: Record<string, string>;
  body?: string;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** A wrong answer, which fails the run; the message has the answer. */
export class WrongAnswer extends Error {
  constructor(from: string, wanted: string, answer: Answer) {
    const text = answer.text.length > 600 ? `${answer.text.slice(0, 600)}…` : answer.text;
    super(`${from}: wanted ${wanted}; came back ${answer.status} ${text}`);
  }
}

const answerTimeoutMs = 15_000;

const agent = new Agent({ keepAlive: true });

/** Not fetch, which adds headers: the check must send what the load generator sends. */
export function send(url: string, { method, path, headers, body }: HttpRequest): Promise<Answer> {
  const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const request = open(url + path, { method, headers: { ...headers, ...length }, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("error", reject);
      response.once("end", () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString() });
      });
    });
    request.setTimeout(answerTimeoutMs, () => request.destroy(new Error(`no answer within ${answerTimeoutMs} ms`)));
    request.once("error", (error) => reject(new Error(`${method} ${path}: ${error.message}`)));
    request.end(body);
  });
}

/** The value at a dotted path of a JSON answer, or undefined where there is none. */
export function at(answer: Answer, path: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(answer.text);
  } catch {
    return undefined;
  }
  for (const key of path === "" ? [] : path.split(".")) {
    value = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
  }
  return value;
}

/** Throws unless the status and every named field are as expected. */
export function expectAnswer(from: string, answer: Answer, status: number, fields: Record<string, unknown> = {}): void {
  if (answer.status !== status) throw new WrongAnswer(from, `status ${status}`, answer);
  for (const [path, wanted] of Object.entries(fields)) {
    if (JSON.stringify(at(answer, path)) !== JSON.stringify(wanted)) {
      throw new WrongAnswer(from, `${path} = ${JSON.stringify(wanted)}`, answer);
    }
  }
}

export function expectText(from: string, answer: Answer, path: string): string {
  const value = at(answer, path);
  if (typeof value !== "string" || value === "") throw new WrongAnswer(from, `a text in ${path}`, answer);
  return value;
}
