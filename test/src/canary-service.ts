/** A service that is sent secrets, and gives some of its own: each route is one way of being mounted. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import {
  createOnceover,
  type MountOptions,
  type Once,
  type Onceover,
  type OnceoverEvent,
  type Store,
} from "@onceover/core";
import { onceover } from "@onceover/node";
import type { Canaries } from "./canary.js";
import { listen } from "./listen.js";

const ROUTES = {
  pay: {},
  required: { required: true },
  reject: { inFlight: "reject" },
  "small-answer": { maxRecordBytes: 1 },
  "small-body": { maxBodyBytes: 1 },
  "run-anyway": { onStoreDown: "run" },
  repeatable: { effects: "repeatable" },
  "short-lease": { leaseMs: 100 },
  recover: { recover: () => Promise.reject(new Error("the ledger is down")) },
  read: {},
} as const satisfies Readonly<Record<string, MountOptions<IncomingMessage>>>;

/** How a request is mounted; `transactional` where the store has transactions. */
export type Route = keyof typeof ROUTES | "transactional";

/** What a handler does before it answers; `undefined` for what cannot be done without a key. */
export type Deed = (once: Once | undefined) => unknown;

/** Who sends a request: alice, whose secrets they are; bob, who knows them all; or somebody without credentials. */
export type Caller = "alice" | "bob" | "nobody";

/** One request. */
export interface Sent {
  readonly route?: Route;
  readonly caller?: Caller;
  /** Stands behind the secret in the key; the whole header where it has an `=` in front; none where it is null. */
  readonly key?: string | null;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly deed?: Deed;
}

/** What came back. */
export interface Received {
  readonly status: number;
  readonly replayed: boolean;
  /** The code of a problem. */
  readonly code?: string;
  /** Status, header and body, as they came. */
  readonly text: string;
}

/** A process of the service. */
export interface CanaryService {
  readonly once: Onceover<IncomingMessage>;
  send(sent?: Sent): Promise<Received>;
  close(): Promise<void>;
}

/** Serves every route over one store. */
export async function serveCanaries(
  store: Store,
  canaries: Canaries,
  on: (event: OnceoverEvent) => void,
): Promise<CanaryService> {
  const deeds = new Map<string, Deed>();
  const once = createOnceover<IncomingMessage>({
    service: "canaries",
    revision: "r1",
    store,
    on,
    scope: ({ headers }) => callerOf(headers.authorization ?? "", canaries),
  });
  const handle = async (request: IncomingMessage, response: ServerResponse, run?: Once) => {
    await request.toArray();
    await deeds.get(String(request.headers["x-deed"]))?.(run);
    answer(response, request.headers.authorization === `Bearer ${canaries.authorization}` ? canaries : undefined);
  };
  const routes: readonly [string, MountOptions<IncomingMessage>][] = [
    ...Object.entries(ROUTES),
    ...(store.begin === undefined ? [] : [["transactional", { transactional: true }] as const]),
  ].map(([name, options]) => [name, options]);
  const listeners = new Map(routes.map(([name, options]) => [name, onceover(once, handle, options)]));
  const server = await listen(
    createServer(async (request, response) => {
      const [, route = ""] = request.url?.split("/") ?? [];
      // As a body parser would that leaves nothing behind.
      if (route === "read") await request.toArray();
      listeners.get(route)?.(request, response);
    }),
  );
  let sends = 0;

  return {
    once,
    async send({ route = "pay", caller = "alice", key = "", body, headers = {}, deed } = {}) {
      const name = String(++sends);
      if (deed) deeds.set(name, deed);
      const response = await fetch(`${server.url}/${route}/${canaries.target}?card=${canaries.target}`, {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          "X-Deed": name,
          "X-Request-Note": canaries["request-header"],
          Cookie: `session=${canaries["request-header"]}`,
          ...(caller !== "nobody" && { Authorization: credentialsOf(caller, canaries) }),
          ...(key !== null && { "Idempotency-Key": key.startsWith("=") ? key.slice(1) : `"${canaries.key}${key}"` }),
          ...headers,
        },
        body: body ?? JSON.stringify({ card: canaries["request-body"] }),
      });
      return received(response);
    },
    close: () => server.close(),
  };
}

function credentialsOf(caller: Caller, { authorization }: Canaries): string {
  return caller === "alice" ? `Bearer ${authorization}` : "Bearer bob";
}

/** What authentication found out. */
function callerOf(authorization: string, canaries: Canaries): string | undefined {
  if (authorization === "Bearer bob") return "bob";
  return authorization === `Bearer ${canaries.authorization}` ? `alice ${canaries.scope}` : undefined;
}

function answer(response: ServerResponse, secrets: Canaries | undefined): void {
  const of = (place: "answer-header" | "answer-cookie" | "answer-body") => secrets?.[place] ?? "nothing";
  response.writeHead(201, {
    "Content-Type": "application/json",
    Location: `/payments/${of("answer-header")}`,
    "Set-Cookie": `session=${of("answer-cookie")}`,
  });
  response.end(JSON.stringify({ payment: of("answer-body") }));
}

async function received(response: Response): Promise<Received> {
  const body = await response.text();
  const isProblem = response.headers.get("content-type") === "application/problem+json";
  const { code } = (isProblem ? JSON.parse(body) : {}) as { readonly code?: string };
  return {
    status: response.status,
    replayed: response.headers.has("idempotency-replayed"),
    text: JSON.stringify([response.status, ...response.headers, body]),
    ...(code !== undefined && { code }),
  };
}
