import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Redis } from "ioredis";
import { listen } from "./listen.js";
import { sleep } from "./wait.js";

/**
 * What happens to a request: `lose-reply` executes it and resets the connection, `drop` resets it at once, `hang` holds it
 * until `heal()`, `delayMs` waits before it is executed, `refuse` answers with an error and executes nothing.
 */
export type RestFault =
  | { readonly kind: "lose-reply" | "drop" | "hang" }
  | { readonly kind: "delay"; readonly delayMs: number }
  | { readonly kind: "refuse"; readonly status: number; readonly body: string };

/** The REST interface of Upstash in front of a Redis of the test's own. */
export interface UpstashRest {
  readonly url: string;
  /** The bearer token that requests must carry. */
  readonly token: string;
  /** Every request that arrived with the token: where it went, and the commands in it. */
  readonly seen: { readonly path: string; readonly commands: readonly (readonly string[])[] }[];
  /** Does this to the next requests. @default times: all until `heal()` */
  fail(fault: RestFault, times?: number): void;
  /** Ends faults; what hangs is executed and answered. */
  heal(): void;
  close(): Promise<void>;
}

type Outcome = { readonly result: unknown } | { readonly error: string };

/** Serves `/`, `/pipeline` and `/multi-exec` as @upstash/redis expects them, from the Redis on a port of 127.0.0.1. */
export async function startUpstashRest(redisPort: number): Promise<UpstashRest> {
  const redis = new Redis(redisPort, "127.0.0.1");
  redis.on("error", () => undefined);
  const token = crypto.randomUUID();
  const seen: UpstashRest["seen"] = [];
  let fault: { readonly what: RestFault; left: number } | undefined;
  let held: (() => void)[] = [];

  /** Does what was asked for to this request, and settles with what is left to do; `over` is nothing. */
  async function weather(response: ServerResponse): Promise<"execute" | "execute-and-lose" | "over"> {
    if (fault === undefined || fault.left-- <= 0) return "execute";
    const { what } = fault;
    if (what.kind === "lose-reply") return "execute-and-lose";
    if (what.kind === "delay") await sleep(what.delayMs);
    if (what.kind === "hang") await new Promise<void>((go) => void held.push(go));
    if (what.kind === "drop") response.destroy();
    if (what.kind === "refuse") response.writeHead(what.status).end(what.body);
    return what.kind === "drop" || what.kind === "refuse" ? "over" : "execute";
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(await textOf(request));
    if (request.headers.authorization !== `Bearer ${token}`) {
      return void response.writeHead(401).end(JSON.stringify({ error: "WRONGPASS invalid or missing auth token" }));
    }
    const path = request.url ?? "/";
    const commands: string[][] = (path === "/" ? [body] : body).map((command: unknown[]) => command.map(String));
    seen.push({ path, commands });
    const then = await weather(response);
    if (then === "over") return;
    const outcomes = path === "/multi-exec" ? await transaction(redis, commands) : await each(redis, commands);
    if (then === "execute-and-lose") return void response.destroy();
    const shown = outcomes.map((outcome) => show(outcome, request.headers["upstash-encoding"] === "base64"));
    response.setHeader("upstash-sync-token", String(seen.length));
    const [only] = shown;
    if (path !== "/") return void response.end(JSON.stringify(shown));
    response.writeHead(only !== undefined && "error" in only ? 400 : 200).end(JSON.stringify(only));
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  const { url, close } = await listen(server);
  return {
    url,
    token,
    seen,
    fail(what, times = Number.POSITIVE_INFINITY) {
      fault = { what, left: times };
    },
    heal() {
      fault = undefined;
      for (const go of held.splice(0)) go();
    },
    async close() {
      held = [];
      await close();
      redis.disconnect();
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** In order, as a pipeline is; a failed command stops none of those after it. */
function each(redis: Redis, commands: readonly string[][]): Promise<Outcome[]> {
  const replies = commands.map(([name = "", ...args]) => redis.callBuffer(name, ...args));
  return Promise.all(
    replies.map((reply) =>
      reply.then(
        (result) => ({ result }),
        (error: Error) => ({ error: error.message }),
      ),
    ),
  );
}

async function transaction(redis: Redis, commands: string[][]): Promise<Outcome[]> {
  const replies = (await redis.multi(commands).exec()) ?? [];
  return replies.map(([error, result]) => (error ? { error: error.message } : { result }));
}

function show(outcome: Outcome, asBase64: boolean): Outcome {
  return "error" in outcome ? outcome : { result: encode(outcome.result, asBase64) };
}

/** JSON holds no bytes: those that are no UTF-8 are lost unless base64 was asked for, which leaves `OK` as it is. */
function encode(reply: unknown, asBase64: boolean): unknown {
  if (Array.isArray(reply)) return reply.map((item) => encode(item, asBase64));
  if (typeof reply !== "string" && !Buffer.isBuffer(reply)) return reply;
  const bytes = Buffer.from(reply as Buffer);
  const text = bytes.toString();
  return asBase64 && text !== "OK" ? bytes.toString("base64") : text;
}
