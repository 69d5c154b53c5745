import { type ChildProcess, fork } from "node:child_process";
import { once as happens } from "node:events";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import type { Question, Used } from "./server.js";

/** A server in a process of its own. */
export interface Served {
  readonly name: string;
  /** Sends so many requests, and says what processor time each took, in microseconds. */
  cpuUsPerRequest(requests: number): Promise<number>;
  used(question: Question): Promise<Used>;
  /** Opens connections and leaves them alone. */
  openIdle(count: number): Promise<void>;
  stop(): void;
}

const SERVER = fileURLToPath(new URL("server.ts", import.meta.url));
const SOCKETS = 8;
/** So many are sent at once on each connection: the less is spent on reading and writing, the better the rest is seen. */
const AT_ONCE = 16;
const REQUEST = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";
const ANSWER_END = "\r\n\r\nok";

/** Starts one. */
export async function serve(name: "plain" | "drainable"): Promise<Served> {
  const child = fork(SERVER, [name], {
    execArgv: ["--no-flush-bytecode", "--conditions", "onceover-src", "--import", "tsx"],
  });
  const [{ port }] = await happens(child, "message");
  const sockets: Socket[] = await openSockets(port, SOCKETS);
  const idle: Socket[] = [];
  return {
    name,
    async cpuUsPerRequest(requests) {
      const before = await ask(child, "processor time");
      await Promise.all(sockets.map((socket) => sendAll(socket, Math.ceil(requests / SOCKETS))));
      return ((await ask(child, "processor time")).cpuUs - before.cpuUs) / requests;
    },
    used: (question) => ask(child, question),
    async openIdle(count) {
      idle.push(...(await openSockets(port, count)));
      while ((await ask(child, "processor time")).connections < SOCKETS + idle.length);
    },
    stop() {
      for (const socket of [...sockets, ...idle]) socket.destroy();
      child.disconnect();
    },
  };
}

async function ask(child: ChildProcess, question: Question): Promise<Used> {
  child.send(question);
  const [used] = await happens(child, "message");
  return used;
}

async function openSockets(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let at = 0; at < count; at++) {
    const socket = connect(port, "127.0.0.1");
    await happens(socket, "connect");
    sockets.push(socket);
  }
  return sockets;
}

async function sendAll(socket: Socket, requests: number): Promise<void> {
  for (let left = requests; left > 0; left -= AT_ONCE) await sendBatch(socket, Math.min(left, AT_ONCE));
}

function sendBatch(socket: Socket, count: number): Promise<void> {
  return new Promise((resolve) => {
    let text = "";
    const take = (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (text.split(ANSWER_END).length - 1 < count) return;
      socket.off("data", take);
      resolve();
    };
    socket.on("data", take);
    socket.write(REQUEST.repeat(count));
  });
}
