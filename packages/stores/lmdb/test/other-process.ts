import { type ChildProcess, spawn } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { OnceoverError, type Store, type StoreKey } from "@onceover/core";
import type { RevisionRegistry } from "@onceover/core/revisions";

/** A verb that can be called across processes. */
export type StoreVerb = Exclude<keyof Store, "name" | "close">;

/** A verb of a registry that can be called across processes. */
export type RegistryVerb = Exclude<keyof RevisionRegistry, "name" | "close">;

/** What the other process can be told to do. */
export type Order = { readonly id: number; readonly path: string } & (
  | { readonly order: "call"; readonly verb: StoreVerb; readonly args: readonly unknown[] }
  | { readonly order: "call-registry"; readonly verb: RegistryVerb; readonly args: readonly unknown[] }
  | { readonly order: "close" | "close-registry" | "load" | "stop-inside-lock" }
  | { readonly order: "acquire-all"; readonly keys: readonly StoreKey[] }
);

/** What the other process tells: the end of an order, or what load was acknowledged. */
export type Answer = { readonly id: number } & (
  | { readonly value: unknown }
  | { readonly failure: { readonly code: string; readonly message: string } }
  | { readonly began: StoreKey }
  | { readonly completed: StoreKey }
);

/** What load was told so far, and how it ended. */
export interface Load {
  readonly began: ReadonlySet<StoreKey>;
  readonly completed: ReadonlySet<StoreKey>;
  readonly end: Promise<Error>;
}

/** Another process on the file. */
export interface OtherProcess {
  readonly child: ChildProcess;
  /** A store that lives in the other process. */
  store(path: string): Store;
  /** A registry that lives in the other process. */
  registry(path: string): RevisionRegistry;
  acquireAll(path: string, keys: readonly StoreKey[]): Promise<readonly string[]>;
  /** Starts load that goes on until a call fails or the process ends; the sets grow as it is acknowledged. */
  load(path: string): Load;
  /** Pauses the process with SIGSTOP while it holds the writer lock; settles when it runs again. */
  stopInsideLock(path: string): Promise<unknown>;
  kill(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void;
  /** Kills the process, if it still runs, and waits for its end. */
  end(): Promise<void>;
}

const SCRIPT = fileURLToPath(new URL("./child.ts", import.meta.url));
const NODE = [process.execPath, "--conditions", "onceover-src", "--import", "tsx", SCRIPT];

/** Starts another process. */
export function startOtherProcess(): OtherProcess {
  return talkTo('exec "$0" "$@"', "inherit");
}

/** Starts another process whose files cannot grow beyond `blocks` of 512 bytes: writes fail as on a full disk. */
export function startConfinedProcess(blocks: number): OtherProcess {
  // What LMDB says of the failing writes on stderr is not for the reader of a test run.
  return talkTo(`ulimit -c 0; ulimit -f ${blocks}; exec "$0" "$@"`, "ignore");
}

function talkTo(shell: string, stderr: "inherit" | "ignore"): OtherProcess {
  const child = spawn("sh", ["-c", shell, ...NODE], {
    cwd: dirname(SCRIPT),
    stdio: ["ignore", "inherit", stderr, "ipc"],
    serialization: "advanced",
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const waiting = new Map<number, (answer: Answer) => void>();
  let ids = 0;
  child.on("message", (answer: Answer) => waiting.get(answer.id)?.(answer));

  type Told<T> = T extends unknown ? Omit<T, "id"> : never;
  function send(order: Told<Order>, hear: (answer: Answer) => void): void {
    const id = ++ids;
    waiting.set(id, hear);
    child.send({ ...order, id });
  }

  function ask(order: Told<Order>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      send(order, (answer) => {
        if ("value" in answer) resolve(answer.value);
        if ("failure" in answer) reject(errorOf(answer.failure));
      });
      void ended.then(() => reject(new Error("the other process ended")));
    });
  }

  function store(path: string): Store {
    const call =
      (verb: StoreVerb) =>
      (...args: readonly unknown[]) =>
        ask({ order: "call", path, verb, args });
    const verbs = [
      "acquire",
      "renew",
      "complete",
      "abandon",
      "read",
      "forget",
      "forgetScope",
      "unknowns",
      "verify",
    ] as const;
    const close = () => ask({ order: "close", path });
    // The answers are those of a Store in the other process, sent by structured clone.
    return { name: "lmdb", close, ...Object.fromEntries(verbs.map((verb) => [verb, call(verb)])) } as unknown as Store;
  }

  function registry(path: string): RevisionRegistry {
    const call =
      (verb: RegistryVerb) =>
      (...args: readonly unknown[]) =>
        ask({ order: "call-registry", path, verb, args });
    const verbs = ["write", "count", "list", "remove"] as const;
    const close = () => ask({ order: "close-registry", path });
    const calls = Object.fromEntries(verbs.map((verb) => [verb, call(verb)]));
    // The answers are those of a RevisionRegistry in the other process, sent by structured clone.
    return { name: "lmdb", close, ...calls } as unknown as RevisionRegistry;
  }

  function load(path: string): Load {
    const [began, completed] = [new Set<StoreKey>(), new Set<StoreKey>()];
    const end = new Promise<Error>((resolve) => {
      send({ order: "load", path }, (answer) => {
        if ("began" in answer) began.add(answer.began);
        if ("completed" in answer) completed.add(answer.completed);
        if ("failure" in answer) resolve(errorOf(answer.failure));
      });
      void ended.then(() => resolve(new Error("the other process ended")));
    });
    return { began, completed, end };
  }

  return {
    child,
    store,
    registry,
    load,
    acquireAll: async (path, keys) => (await ask({ order: "acquire-all", path, keys })) as readonly string[],
    stopInsideLock: (path) => ask({ order: "stop-inside-lock", path }),
    kill: (signal) => void child.kill(signal),
    async end() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function errorOf({ code, message }: { readonly code: string; readonly message: string }): Error {
  return code === "misuse" ? new TypeError(message) : new OnceoverError(code as OnceoverError["code"], message);
}
