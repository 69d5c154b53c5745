import { setTimeout as sleep } from "node:timers/promises";
import { type Connection, openConnection, requestBytes } from "./connection.js";
import { CACHED_KEYS, paymentBody } from "./payment.js";
import type { ContenderName, Tally } from "./protocol.js";

/** How many identical requests make a burst. */
export const BURST = 10;

/** A kind of load. */
export type WorkloadName =
  /** Keys nobody has seen. */
  | "fresh"
  /** Keys that another process answered: each is sent once to a process that has never met it. */
  | "replay"
  /** Keys that this process replayed a moment ago. */
  | "cached replay"
  /** Ten identical requests at once, each repeated until it has the first run's answer. */
  | "burst of ten";

/** In the order of the table. */
export const WORKLOADS = ["fresh", "replay", "cached replay", "burst of ten"] as const satisfies WorkloadName[];

/** What the clients of one window saw. */
export interface Load {
  /** Requests that were sent, those repeated after a 409 included. */
  readonly sent: number;
  /** Requests that were answered with a run's answer. */
  readonly answered: number;
  readonly wallMs: number;
  /** From sending a request to its answer, waiting for a repetition included. */
  readonly latenciesMs: readonly number[];
}

/** A pause in which a run of the slow handler ends, in milliseconds: the kindest to a client told 409 at once. */
const REPEAT_MS = 20;

/** The requests of one window, ready to be written; those of `prime` are sent before counting begins, by `via`. */
export interface Script {
  readonly prime: readonly Buffer[];
  readonly via: "same process" | "other process";
  readonly measured: readonly Buffer[];
  readonly clients: number;
}

/** Writes the script of one window. `label` makes its keys unlike those of any other window. */
export function scriptOf(workload: WorkloadName, label: string, requests: number, inFlight: number): Script {
  const keyed = (count: number, path = "/payments") =>
    Array.from({ length: count }, (_, at) => requestBytes(path, `${label}-${at}`, paymentBody(`${label}-${at}`)));
  switch (workload) {
    case "fresh":
      return { prime: [], via: "same process", measured: keyed(requests), clients: inFlight };
    case "replay": {
      const all = keyed(requests);
      return { prime: all, via: "other process", measured: all, clients: inFlight };
    }
    case "cached replay": {
      const keys = keyed(Math.min(CACHED_KEYS, requests));
      // What was replayed once is at hand.
      const prime = [...keys, ...keys];
      const measured = Array.from({ length: requests }, (_, at) => prime[at % prime.length] ?? Buffer.alloc(0));
      return { prime, via: "same process", measured, clients: inFlight };
    }
    case "burst of ten": {
      const measured = keyed(Math.ceil(requests / BURST), "/payments/slow");
      return { prime: [], via: "same process", measured, clients: Math.max(1, Math.round(inFlight / BURST)) };
    }
    // no default
  }
}

/** How many connections one client of the workload holds. */
export function connectionsOf(workload: WorkloadName): number {
  return workload === "burst of ten" ? BURST : 1;
}

/** The connections of so many clients, each of which holds so many. */
export type Clients = (clients: number, each: number) => Promise<Connection[][]>;

/**
 * Connections that stay open from window to window, as those of a real load do: when all of them end, the engine forgets what
 * sockets are like, and compiles a part of the server anew in the next window.
 */
export function keepClients(port: number): Clients {
  const kept = new Map<string, Promise<Connection[][]>>();
  return (clients, each) => {
    const shape = `${clients} × ${each}`;
    const known = kept.get(shape) ?? openClients(port, clients, each);
    kept.set(shape, known);
    return known;
  };
}

/** Opens what `clients` of a workload need. */
function openClients(port: number, clients: number, each: number): Promise<Connection[][]> {
  const open = () => Promise.all(Array.from({ length: each }, () => openConnection(port)));
  return Promise.all(Array.from({ length: clients }, open));
}

/** Sends each request over all connections of one client, client by client as they come free. */
export async function drive(clients: readonly (readonly Connection[])[], requests: readonly Buffer[]): Promise<Load> {
  const latenciesMs: number[] = [];
  let sent = 0;
  let next = 0;

  async function sendOne(connection: Connection, request: Buffer): Promise<void> {
    const beganAt = performance.now();
    for (;;) {
      sent += 1;
      const status = await connection.send(request);
      if (status === 201) break;
      if (status !== 409) throw new Error(`a server answered ${status} where 201 or 409 was expected`);
      await sleep(REPEAT_MS);
    }
    latenciesMs.push(performance.now() - beganAt);
  }

  async function work(connections: readonly Connection[]): Promise<void> {
    for (let request = requests[next++]; request !== undefined; request = requests[next++]) {
      const each = request;
      await Promise.all(connections.map((connection) => sendOne(connection, each)));
    }
  }

  const beganAt = performance.now();
  await Promise.all(clients.map(work));
  return { sent, answered: latenciesMs.length, wallMs: performance.now() - beganAt, latenciesMs };
}

/** Throws where a contender did not do what the row says it did: no figure is worth more than that. */
export function audit(workload: WorkloadName, contender: ContenderName, { answered }: Load, tally: Tally): void {
  const dedupes = contender !== "bare";
  const keys = workload === "burst of ten" ? answered / BURST : answered;
  const runs = !dedupes ? answered : workload === "replay" || workload === "cached replay" ? 0 : keys;
  if (tally.runs !== runs) throw new Error(`${contender}, ${workload}: ${tally.runs} runs where ${runs} were due`);
  if (contender !== "onceover") return;
  const { store, cache, run } = tally.replays;
  const due = { fresh: 0, replay: store, "cached replay": cache, "burst of ten": cache + run }[workload];
  if (store + cache + run !== answered - runs || due !== answered - runs) {
    const found = JSON.stringify(tally.replays);
    throw new Error(`${contender}, ${workload}: replays came from ${found}, ${answered - runs} of one kind were due`);
  }
}
