import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { ContenderName, FingerprintName, FrameworkName, Order, Tally, Told } from "./protocol.js";

/** Bytecode that was flushed while others were measured would be compiled anew on the next contender's account. */
export const NODE_FLAGS = ["--no-flush-bytecode", "--no-memory-reducer"];

/** What one server spent and did in one window. */
export interface Counted {
  readonly cpuUs: number;
  readonly tally: Tally;
}

/** One server process of a contender. */
export interface ServerProcess {
  readonly port: number;
  begin(): Promise<void>;
  end(): Promise<Counted>;
  stop(): Promise<void>;
}

/** Which server it is to be. */
export interface ServerAsked {
  readonly framework: FrameworkName;
  readonly contender: ContenderName;
  readonly redisUrl: string;
  readonly fingerprint: FingerprintName;
}

/** Starts a server process and settles when it listens. */
export async function startServerProcess(
  script: string,
  { framework, contender, redisUrl, fingerprint }: ServerAsked,
): Promise<ServerProcess> {
  const child = fork(script, [framework, contender, redisUrl, fingerprint], { execArgv: NODE_FLAGS });
  const { port } = await hear(child, "listening");
  return {
    port,
    async begin() {
      await order(child, "begin", "began");
    },
    end: () => order(child, "end", "counted"),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

type Telling<Name extends Told["told"]> = Extract<Told, { told: Name }>;

function order<Name extends Told["told"]>(child: ChildProcess, order: Order, answer: Name): Promise<Telling<Name>> {
  const heard = hear(child, answer);
  child.send(order);
  return heard;
}

function hear<Name extends Told["told"]>(child: ChildProcess, name: Name): Promise<Telling<Name>> {
  return new Promise((resolve, reject) => {
    const gone = () => reject(new Error(`a server process ended while the bench waited for "${name}"`));
    child.once("exit", gone);
    child.once("message", (told: Told) => {
      child.off("exit", gone);
      if (isTelling(told, name)) resolve(told);
      else reject(new Error(`a server process told "${told.told}" where "${name}" was expected`));
    });
  });
}

function isTelling<Name extends Told["told"]>(told: Told, name: Name): told is Telling<Name> {
  return told.told === name;
}
