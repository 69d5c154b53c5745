import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, startChild } from "./child.js";
import { findHaproxy } from "./find-haproxy.js";
import { launchOnFreePort } from "./free-port.js";
import { until } from "./wait.js";

/**
 * A HAProxy of the test's own on 127.0.0.1, that sends a request again, POST or not, where a server gave no answer
 * or a bad one. Each answer says in `Served-By` which server it came from.
 */
export interface Haproxy {
  readonly port: number;
  /** Says where a server listens, and that it takes requests. */
  point(server: string, port: number): Promise<void>;
  /** Gives each server its share of the requests, from 0 to 256, and reads it back. */
  weigh(weights: Readonly<Record<string, number>>): Promise<void>;
  /** How many requests it sent once more, and how many of them to another server. */
  resent(): Promise<{ readonly retries: number; readonly redispatches: number }>;
  /** How many requests clients sent it, and how many answers servers broke off. */
  counted(): Promise<{ readonly requests: number; readonly brokenOff: number }>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** Options of `startHaproxy`. */
export interface HaproxyOptions {
  /** Names of the servers; none takes requests before `point` has said where it is. */
  readonly servers: readonly string[];
  /** How long a server may take to answer until it counts as lost, in milliseconds. */
  readonly timeoutMs: number;
  /** A path that is asked for every 100 ms; a server that does not answer 200 there gets no new requests. @default none */
  readonly readiness?: string;
}

/** Room for a whole request: what does not fit cannot be sent again. */
const BUFFER_BYTES = 65_536;
const TAKEN = "Address already in use";

/** Starts a HAProxy on a free port and settles when it answers on its admin socket. */
export async function startHaproxy(options: HaproxyOptions): Promise<Haproxy> {
  const { program, env } = await findHaproxy();
  const folder = await mkdtemp(join(tmpdir(), "onceover-haproxy-"));
  const socket = join(folder, "admin.sock");
  const launch = async (port: number) => {
    const file = join(folder, "haproxy.cfg");
    await writeFile(file, configuration(options, port, socket));
    // It says nothing when it is up.
    const child = await startChild(program, ["-db", "-f", file], { env, ready: /^/, scratchFolder: folder });
    await untilUp(child, socket);
    return child;
  };
  const { port, child } = await launchOnFreePort(launch, TAKEN);
  return {
    port,
    async point(server, serverPort) {
      const moved = await command(socket, `set server all/${server} addr 127.0.0.1 port ${serverPort}`);
      if (!/port changed|no need to change the port/.test(moved))
        throw new Error(`HAProxy did not move ${server}: ${moved}`);
      await obey(socket, `set server all/${server} state ready`);
    },
    async weigh(weights) {
      for (const [server, weight] of Object.entries(weights)) {
        await obey(socket, `set server all/${server} weight ${weight}`);
        const read = await command(socket, `get weight all/${server}`);
        if (!read.startsWith(`${weight} `)) throw new Error(`HAProxy gave ${server} the weight ${read}, not ${weight}`);
      }
    },
    async resent() {
      const read = columnsOf(await command(socket, "show stat"), ["all", "BACKEND"]);
      return { retries: read("wretr"), redispatches: read("wredis") };
    },
    async counted() {
      const statistics = await command(socket, "show stat");
      const requests = columnsOf(statistics, ["front", "FRONTEND"])("req_tot");
      return { requests, brokenOff: columnsOf(statistics, ["all", "BACKEND"])("srv_abrt") };
    },
    async stop() {
      process.kill(child.pid, "SIGTERM");
      await child.ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configuration({ servers, timeoutMs, readiness }: HaproxyOptions, port: number, socket: string): string {
  return `global
  stats socket ${socket} mode 600 level admin
  tune.bufsize ${BUFFER_BYTES}
defaults
  mode http
  timeout connect 500ms
  timeout client 60s
  timeout server ${timeoutMs}ms
  retries 3
  retry-on all-retryable-errors
  option redispatch 1
frontend front
  bind 127.0.0.1:${port}
  default_backend all
backend all
  balance roundrobin
  http-response set-header Served-By %s
${readiness === undefined ? "" : checksOf(readiness)}
${servers.map((name) => `  server ${name} 127.0.0.1:1 disabled\n`).join("")}`;
}

/** One bad answer takes a server out, one good one brings it back. One that is late, on a machine with much to do, is not bad. */
function checksOf(readiness: string): string {
  return `  timeout check 2s
  option httpchk GET ${readiness}
  http-check expect status 200
  default-server check inter 100ms fall 1 rise 1`;
}

async function untilUp(child: Child, socket: string): Promise<void> {
  let hasEnded = false;
  void child.ended.then(() => {
    hasEnded = true;
  });
  const answers = () =>
    command(socket, "show info").then(
      () => true,
      () => false,
    );
  await until("HAProxy answers", async () => hasEnded || (await answers()));
  if (hasEnded) throw new Error(`HAProxy ended:\n${child.output()}`);
}

/** Sends a command that is answered with nothing. */
async function obey(socket: string, text: string): Promise<void> {
  const answer = await command(socket, text);
  if (answer !== "") throw new Error(`HAProxy does not "${text}": ${answer}`);
}

function command(socket: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const connection = connect(socket);
    let answer = "";
    connection.setEncoding("utf8").on("data", (part: string) => {
      answer += part;
    });
    connection.once("error", reject);
    connection.once("end", () => resolve(answer.trim()));
    connection.end(`${text}\n`);
  });
}

/** Reads columns of one line, which is known by its first two; the first line of all names the columns. */
function columnsOf(statistics: string, [proxy, server]: readonly [string, string]): (column: string) => number {
  const [head = [], ...rows] = statistics.split("\n").map((line) => line.replace(/^# /, "").split(","));
  const row = rows.find(([name, kind]) => name === proxy && kind === server) ?? [];
  return (column) => Number(row[head.indexOf(column)]);
}
