import { type Haproxy, startHaproxy } from "@onceover/test/haproxy";
import { until } from "@onceover/test/wait";
import { startWorkers, type WorkerProcess } from "../../../examples/storm/workers.js";

/** Two revisions of the service, two worker processes each, behind a HAProxy that gives all requests to one of the two. */
export interface Revisions {
  readonly port: number;
  /** Lets the other revision have all requests that come from now on. */
  takeTurns(): Promise<void>;
  /** SIGKILL to a worker of the revision whose turn it is; it is started again. */
  kill(worker: 0 | 1): void;
  /** SIGSTOP for a while, to a worker of the revision whose turn it is; `killed`: it never wakes up. Settles when that is over. */
  pause(worker: 0 | 1, lengthMs: number, killed: boolean): Promise<void>;
  /** Settles when every worker is up and HAProxy knows where. */
  untilServing(): Promise<void>;
  /** What was done to processes so far. */
  readonly faults: readonly Fault[];
  /** The process of a worker of the revision whose turn it is. */
  process(worker: 0 | 1): number;
  /** The revision of a process, and of a server as HAProxy calls it. */
  revisionOfProcess(pid: number): string | undefined;
  revisionOfServer(server: string): string;
  /** What HAProxy sent once more, unasked. */
  resent: Haproxy["resent"];
  close(): Promise<void>;
}

/** A process was killed or paused. */
export interface Fault {
  readonly pid: number;
  readonly what: "killed" | "paused";
  /** By `performance.now()`. */
  readonly atMs: number;
}

/** What revisions are started with. */
export interface RevisionsOptions {
  /** Arguments of every worker. */
  readonly workerArgs: readonly string[];
  /** The program of a worker and what stands before its arguments. @default the payments service */
  readonly program?: readonly string[];
  /** How long HAProxy waits for an answer, in milliseconds. */
  readonly timeoutMs: number;
  /** The workers cannot go on. */
  onFailure(message: string): void;
}

const REVISIONS = ["r41", "r42"] as const;
/** Two workers of each. */
const SERVERS = REVISIONS.flatMap((revision) => [`${revision}a`, `${revision}b`].map((name) => ({ revision, name })));
const LONGEST_START_MS = 60_000;

/** Starts HAProxy and the workers; the first revision has the turn. */
export async function startRevisions({
  workerArgs,
  program,
  timeoutMs,
  onFailure,
}: RevisionsOptions): Promise<Revisions> {
  const haproxy = await startHaproxy({ servers: SERVERS.map(({ name }) => name), timeoutMs });
  const processes: WorkerProcess[] = [];
  const revisionByPid = new Map<number, string>();
  const faults: Fault[] = [];
  /** Workers by the process that HAProxy sends their requests to. */
  const pointed = new Map<number, number>();
  let turn = 0;
  let failure: string | undefined;

  const fail = (message: string) => {
    failure = message;
    onFailure(message);
  };
  const workers = startWorkers({
    count: SERVERS.length,
    ...(program !== undefined && { program }),
    args: (worker) => [...workerArgs, "--revision", SERVERS[worker]?.revision ?? ""],
    onReady(worker, process) {
      const server = SERVERS[worker];
      if (server === undefined) return;
      processes[worker] = process;
      revisionByPid.set(process.pid, server.revision);
      haproxy.point(server.name, process.port).then(
        () => pointed.set(worker, process.pid),
        (error: unknown) => fail(String(error)),
      );
    },
    onEvent() {},
    onFailure: fail,
  });

  function note(worker: number, what: Fault["what"]): void {
    const pid = processes[worker]?.pid;
    if (pid !== undefined) faults.push({ pid, what, atMs: performance.now() });
  }

  function kill(worker: number): void {
    note(worker, "killed");
    workers.kill(worker);
  }

  function areServing(): boolean {
    if (failure !== undefined) throw new Error(failure);
    const areKnown = processes.length === SERVERS.length && processes.every(({ pid }, at) => pointed.get(at) === pid);
    return areKnown && workers.areServing();
  }

  await haproxy.weigh(sharesIn(turn));
  return {
    port: haproxy.port,
    async takeTurns() {
      turn = 1 - turn;
      await haproxy.weigh(sharesIn(turn));
    },
    kill: (worker) => kill(turn * 2 + worker),
    async pause(worker, lengthMs, killed) {
      const index = turn * 2 + worker;
      note(index, "paused");
      workers.pause(index);
      await new Promise((resolve) => setTimeout(resolve, lengthMs));
      if (killed) kill(index);
      else workers.resume(index);
    },
    untilServing: () => until("every worker serves", areServing, LONGEST_START_MS),
    faults,
    process: (worker) => processes[turn * 2 + worker]?.pid ?? 0,
    revisionOfProcess: (pid) => revisionByPid.get(pid),
    revisionOfServer: (server) => SERVERS.find(({ name }) => name === server)?.revision ?? server,
    resent: haproxy.resent,
    async close() {
      await workers.close();
      await haproxy.stop();
    },
  };
}

/** What each server gets, newcomers first: there is always somebody. */
function sharesIn(turn: number): Record<string, number> {
  const serversOf = (index: number) => SERVERS.filter(({ revision }) => revision === REVISIONS[index]);
  const shares = [serversOf(turn).map(({ name }) => [name, 100]), serversOf(1 - turn).map(({ name }) => [name, 0])];
  return Object.fromEntries(shares.flat());
}
