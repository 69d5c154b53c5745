import { fork } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { RedisServer } from "@onceover/test/redis-server";
import type { Bundle } from "./bundle.js";
import { NODE_FLAGS, type ServerAsked, type ServerProcess, startServerProcess } from "./contender.js";
import type { Flags } from "./flags.js";
import { CONTENDERS, type ContenderName, type FrameworkName, type InProcessFigures } from "./protocol.js";
import { spreadOf } from "./statistics.js";
import {
  audit,
  type Clients,
  connectionsOf,
  drive,
  keepClients,
  scriptOf,
  WORKLOADS,
  type WorkloadName,
} from "./workload.js";

/** What one contender came to in one workload, round by round. */
export interface Figures {
  /** Processor time of the server process per answered request, in microseconds. */
  readonly cpuUs: number[];
  readonly answersPerSecond: number[];
  /** Medians of the time from a request to its answer. */
  readonly latencyMs: number[];
  /** Requests sent per request answered. */
  readonly sentPerAnswer: number[];
}

/** One workload at one concurrency on one framework. */
export interface Measured {
  readonly framework: FrameworkName;
  readonly workload: WorkloadName;
  readonly inFlight: number;
  readonly figures: Readonly<Record<ContenderName, Figures>>;
}

/** Two processes of one contender: what the first has answered, the second replays without having met it. */
interface Contender {
  readonly name: ContenderName;
  readonly first: Served;
  readonly second: Served;
}

interface Served {
  readonly server: ServerProcess;
  readonly clients: Clients;
}

/** Measures the servers, framework by framework: in each round each workload meets all contenders, one after the other. */
export async function measureServers(
  { server }: Bundle,
  redis: RedisServer,
  flags: Flags,
  progress: (line: string) => void,
): Promise<Measured[]> {
  const workloads = WORKLOADS.filter((name) => flags.only.has(name));
  const measured: Measured[] = [];
  for (const framework of workloads.length === 0 ? [] : flags.frameworks) {
    const asked = { framework, redisUrl: redis.url, fingerprint: flags.fingerprint };
    const start = (contender: ContenderName) => startContender(server, { ...asked, contender });
    const contenders = await Promise.all(CONTENDERS.map(start));
    const rows = workloads.flatMap((workload) => flags.inFlight.map((inFlight) => row(framework, workload, inFlight)));
    measured.push(...rows);
    try {
      progress(`${framework}: warming up`);
      for (const contender of contenders) await warmUp(framework, contender, workloads, flags.warmUp);
      for (let round = 0; round < flags.rounds; round++) {
        progress(`${framework}: round ${round + 1} of ${flags.rounds}`);
        await redis.cli("FLUSHALL");
        for (const each of rows) await meetAll(each, rotated(contenders, round), `r${round}`, flags.requests);
      }
    } finally {
      await Promise.all(contenders.flatMap(({ first, second }) => [first.server.stop(), second.server.stop()]));
    }
  }
  return measured;
}

/** Measures core and the fetch wrapper by themselves, in a process that does nothing else. */
export async function measureInProcess({ inProcess }: Bundle, flags: Flags): Promise<InProcessFigures | undefined> {
  if (!flags.only.has("in process")) return undefined;
  const requests = Math.min(flags.requests * 10, 20_000);
  const child = fork(inProcess, [String(flags.rounds), String(requests)], { execArgv: NODE_FLAGS });
  return new Promise((resolve, reject) => {
    child.once("message", (figures: InProcessFigures) => resolve(figures));
    child.once("exit", (code) => reject(new Error(`the process that measures without a server ended with ${code}`)));
  });
}

async function startContender(script: string, asked: ServerAsked): Promise<Contender> {
  const start = async (): Promise<Served> => {
    const server = await startServerProcess(script, asked);
    return { server, clients: keepClients(server.port) };
  };
  const [first, second] = await Promise.all([start(), start()]);
  return { name: asked.contender, first, second };
}

async function warmUp(
  framework: FrameworkName,
  contender: Contender,
  workloads: readonly WorkloadName[],
  requests: number,
): Promise<void> {
  for (const workload of workloads) {
    const warm = row(framework, workload, 64);
    await meet(warm, contender, "warm", requests);
  }
}

async function meetAll(
  measured: Measured,
  order: readonly Contender[],
  label: string,
  requests: number,
): Promise<void> {
  for (const contender of order) await meet(measured, contender, label, requests);
}

/** One window: one workload, one contender. */
async function meet(measured: Measured, contender: Contender, label: string, requests: number): Promise<void> {
  const { workload, inFlight } = measured;
  const script = scriptOf(workload, `${label}-${workload}-${inFlight}`, requests, inFlight);
  const { server, clients: clientsOf } = script.via === "same process" ? contender.first : contender.second;
  await prime(contender.first, script.prime);
  const clients = await clientsOf(script.clients, connectionsOf(workload));
  await server.begin();
  const load = await drive(clients, script.measured);
  const { cpuUs, tally } = await server.end();
  audit(workload, contender.name, load, tally);
  const figures = measured.figures[contender.name];
  figures.cpuUs.push(cpuUs / load.answered);
  figures.answersPerSecond.push((load.answered / load.wallMs) * 1000);
  figures.latencyMs.push(spreadOf(load.latenciesMs).median);
  figures.sentPerAnswer.push(load.sent / load.answered);
}

/** Sends what the window's keys must have met before, uncounted; then the machine may come to rest. */
async function prime({ clients }: Served, requests: readonly Buffer[]): Promise<void> {
  if (requests.length === 0) return;
  await drive(await clients(16, 1), requests);
  await sleep(20);
}

function row(framework: FrameworkName, workload: WorkloadName, inFlight: number): Measured {
  const none = (): Figures => ({ cpuUs: [], answersPerSecond: [], latencyMs: [], sentPerAnswer: [] });
  return { framework, workload, inFlight, figures: { bare: none(), floor: none(), onceover: none() } };
}

/** Another contender begins each round, so that none always comes after the same one. */
function rotated<T>(list: readonly T[], by: number): T[] {
  const from = by % list.length;
  return [...list.slice(from), ...list.slice(0, from)];
}
