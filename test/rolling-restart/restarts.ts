/** Three instances behind a balancer are restarted one after the other, over and over, under a steady load. */

import type { DrainWishes } from "@onceover/core/drain";
import { Redis } from "ioredis";
import { random } from "../../examples/storm/random.js";
import { type Haproxy, startHaproxy } from "../src/haproxy.js";
import { type RedisServer, startRedis } from "../src/redis-server.js";
import { until } from "../src/wait.js";
import { type Departure, EFFECTS, type Instance, type InstanceSettings, startInstance } from "./instance.js";
import { type Judgement, judge } from "./judge.js";
import { type Load, putLoadOn } from "./load.js";

/** How much of it there is. */
export interface RestartOptions {
  /** How often each instance is restarted. */
  readonly rounds: number;
  readonly perSecond: number;
  readonly plan: DrainWishes;
  readonly tokens: number;
  readonly tokenMs: number;
  readonly seed: number;
  /** An instance has left, and the next one is served by. */
  readonly onRestart?: (departure: Departure) => void;
}

/** What came of it. */
export interface RestartOutcome {
  readonly departures: readonly Departure[];
  readonly judgement: Judgement;
  readonly tookMs: number;
}

const SERVERS = ["a", "b", "c"] as const;
type ServerName = (typeof SERVERS)[number];
const BALANCER_PATIENCE_MS = 30_000;

/** Puts the load on, restarts, and judges. */
export async function restartUnderLoad(options: RestartOptions): Promise<RestartOutcome> {
  const beganMs = performance.now();
  const redis = await startRedis();
  const haproxy = await startHaproxy({
    servers: SERVERS,
    timeoutMs: BALANCER_PATIENCE_MS,
    readiness: "/readyz",
  });
  const instances = new Map<ServerName, Instance>();
  try {
    const departures = await restartAll({ redis, haproxy, instances }, options);
    return { ...departures, tookMs: performance.now() - beganMs };
  } finally {
    await Promise.all([...instances.values()].map((instance) => instance.stop()));
    await haproxy.stop();
    await redis.stop();
  }
}

interface House {
  readonly redis: RedisServer;
  readonly haproxy: Haproxy;
  /** The one that serves, or leaves, at each place; and the last one that was started there. */
  readonly instances: Map<ServerName, Instance>;
}

async function restartAll(house: House, options: RestartOptions): Promise<Omit<RestartOutcome, "tookMs">> {
  const { haproxy, redis } = house;
  await Promise.all(SERVERS.map((server) => settle(house, server, start(house, "r0", options))));
  const load = putLoadOn({ port: haproxy.port, perSecond: options.perSecond, random: random(options.seed) });
  await Promise.all(SERVERS.map((server) => isServedBy(load, server)));
  const departures: Departure[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const server of SERVERS) departures.push(await restart(house, load, server, `r${round}`, options));
  }
  const asked = await load.end();
  const balancer = { ...(await haproxy.counted()), ...(await haproxy.resent()) };
  const effects = await effectsIn(redis);
  return { departures, judgement: judge({ asked, effects, departures, balancer, tokens: options.tokens }) };
}

async function effectsIn({ url }: RedisServer): Promise<string[]> {
  const client = new Redis(url);
  return client.lrange(EFFECTS, 0, -1).finally(() => client.disconnect());
}

/** Lets an instance leave, and puts the next revision in its place when it has ended; that one is being started meanwhile. */
async function restart(
  house: House,
  load: Load,
  server: ServerName,
  revision: string,
  options: RestartOptions,
): Promise<Departure> {
  const leaving = house.instances.get(server);
  if (leaving === undefined) throw new Error(`there is no instance at ${server}`);
  const [departure, next] = await Promise.all([leaving.leave(), start(house, revision, options)]);
  await settle(house, server, Promise.resolve(next));
  await isServedBy(load, server);
  options.onRestart?.(departure);
  return departure;
}

function start({ redis }: House, revision: string, { plan, tokens, tokenMs }: RestartOptions): Promise<Instance> {
  return startInstance({ revision, redis: redis.url, plan, tokens, tokenMs } satisfies InstanceSettings);
}

async function settle({ haproxy, instances }: House, server: ServerName, started: Promise<Instance>): Promise<void> {
  const instance = await started;
  instances.set(server, instance);
  await haproxy.point(server, instance.port);
}

/** Settles when the balancer has sent somebody there, and the answer has come. */
function isServedBy(load: Load, server: ServerName): Promise<void> {
  const before = load.answeredBy(server);
  return until(`somebody is served by ${server}`, () => load.answeredBy(server) > before);
}
