/**
 * One service on both sides of a partition, over one Redis that Sentinel watches. Each key goes to the side that is cut off,
 * and then to the other one, as a client does that fails over; effects are counted outside of either.
 */
import { redisStore } from "@onceover/redis";
import { Redis } from "ioredis";
import { type ExpressService, serveExpress } from "./express-service.js";
import { checkHistory, type Violation } from "./history.js";
import { createLog, type PartitionLog, SCOPE } from "./partition-log.js";
import { type SideOptions, startPartitionedRedis } from "./redis-partition.js";
import { sleep, until } from "./wait.js";

/** What to try. */
export interface PartitionPlan {
  /** How many replicas must confirm each write: tier T2. @default none, tier T1 */
  readonly waitReplicas?: number;
  /** How long the network is apart at least: until fifty keys were sent, anyway. */
  readonly seconds: number;
}

/** What was seen. */
export interface PartitionFigures {
  /** Keys that were sent on both sides while there was no way between them. */
  readonly keys: number;
  /** Those which the side that was cut off answered with 201. */
  readonly acceptedByMinority: number;
  /** Those which the other side answered with 201, once it had a master. */
  readonly acceptedByMajority: number;
  /** Effects beyond the first one of a key. */
  readonly duplicates: number;
  /** Keys whose outcome nobody knows in the end. */
  readonly unknown: number;
  /** Everything that breaks a rule of histories, duplicates included. */
  readonly violations: readonly Violation[];
}

type SideName = "minority" | "majority" | "afterwards";

/** A service, and what it was given. */
interface Side {
  readonly name: SideName;
  readonly service: ExpressService;
  unknowns(): Promise<readonly { readonly key: string }[]>;
  close(): Promise<void>;
}

const EVERY_MS = 25;
const AGAIN_MS = 100;
const TIMEOUT_MS = 500;
const LEASE_MS = 5000;
const GIVE_UP_MS = 90_000;
const KEYS_BEFORE = 20;
const LEAST_KEYS = 50;

/** Cuts the master off for so many seconds under load; ends when the network is whole and each key was asked about again. */
export async function runPartition({ waitReplicas, seconds }: PartitionPlan): Promise<PartitionFigures> {
  const redis = await startPartitionedRedis();
  const closing = [redis.stop];
  const log = createLog();
  const open = async (name: SideName, options: SideOptions) => {
    const side = await openSide(name, options, waitReplicas, log);
    closing.push(side.close);
    return side;
  };
  try {
    const minority = await open("minority", redis.minority);
    const majority = await open("majority", redis.majority);
    const send = async (key: string) => {
      await sendOnce(log, minority, key);
      await sendUntilSettled(log, majority, key);
    };
    for (let at = 0; at < KEYS_BEFORE; at++) await send(`before-${at}`);

    redis.cut();
    const { keys, settled } = await sendFor(seconds, send);
    redis.heal();
    await settled;
    await until("the old master follows the new one", redis.isWhole, GIVE_UP_MS);
    const accepted = { minority: log.accepted("minority"), majority: log.accepted("majority") };

    const afterwards = await open("afterwards", redis.majority);
    for (const side of [minority, majority, afterwards]) {
      await Promise.all(log.keys().map((key) => sendUntilSettled(log, side, key)));
    }
    const history = await log.history(await afterwards.unknowns());
    return {
      keys: keys.length,
      acceptedByMinority: keys.filter((key) => accepted.minority.has(key)).length,
      acceptedByMajority: keys.filter((key) => accepted.majority.has(key)).length,
      duplicates: history.effects.length - new Set(history.effects.map(({ key }) => key)).size,
      unknown: history.unknowns.length,
      violations: checkHistory(history),
    };
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

/** Sends a new key now and then while the time lasts; `settled` when each was answered on the other side, too. */
async function sendFor(seconds: number, send: (key: string) => Promise<void>) {
  const keys: string[] = [];
  const sent: Promise<void>[] = [];
  const endMs = performance.now() + seconds * 1000;
  while (performance.now() < endMs || keys.length < LEAST_KEYS) {
    const key = `payment-${keys.length}`;
    keys.push(key);
    sent.push(send(key));
    await sleep(EVERY_MS);
  }
  return { keys, settled: Promise.all(sent) };
}

/** Opens a service with a client of its own, as it stands on one side. */
async function openSide(
  name: SideName,
  options: SideOptions,
  waitReplicas: number | undefined,
  log: PartitionLog,
): Promise<Side> {
  const retry = { sentinelRetryStrategy: () => AGAIN_MS, retryStrategy: () => AGAIN_MS, maxRetriesPerRequest: null };
  // A connection to a master that has gone silent is given up when the sentinels name another one.
  const client = new Redis({ ...options, ...retry, failoverDetector: name !== "minority" });
  client.on("error", () => undefined);
  const store = redisStore({ client, timeoutMs: TIMEOUT_MS, ...(waitReplicas !== undefined && { waitReplicas }) });
  const service = await serveExpress(
    { store, idempotency: { inFlight: "reject", required: true, leaseMs: LEASE_MS } },
    (request, response) => void response.status(201).json({ effect: log.effect(request.onceover?.key ?? "") }),
    (_request, _response, next) => next(),
  );
  return {
    name,
    service,
    async unknowns() {
      const first = await store.unknowns();
      if (first.cursor !== undefined) throw new Error("more outcomes are unknown than a page holds");
      return first.items;
    },
    async close() {
      await service.close();
      await store.close();
      client.disconnect();
    },
  };
}

/** Sends a key to one side; whatever it says, that is that. */
async function sendOnce(log: PartitionLog, { name, service }: Side, key: string): Promise<string> {
  const request = log.request(name, key);
  return (await post(log, request, service.url, key)).outcome;
}

/** Sends a key to one side until it is answered for good: with the answer, or with the word that nobody knows. */
async function sendUntilSettled(log: PartitionLog, { name, service }: Side, key: string): Promise<void> {
  const request = log.request(name, key);
  const endMs = performance.now() + GIVE_UP_MS;
  for (;;) {
    const { outcome, text } = await post(log, request, service.url, key);
    if (outcome === "answered" || outcome === "outcome-unknown") return;
    if (performance.now() > endMs) throw new Error(`${key} was refused by the ${name} for too long: ${text}`);
    await sleep(AGAIN_MS);
  }
}

async function post(log: PartitionLog, request: string, url: string, key: string) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "Idempotency-Key": key, "Content-Type": "application/json", "X-Caller": SCOPE },
    body: "{}",
  });
  const text = await response.text();
  const { code, effect, executed } = JSON.parse(text);
  log.answer({ request, status: response.status, body: text, effect, executed });
  return { outcome: response.status === 201 ? "answered" : String(code), text };
}
