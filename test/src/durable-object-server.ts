import { bundle } from "../runtimes/bundle.js";
import { connectObjects, type DurableObjects } from "./durable-objects.js";
import { startWorkerd, type WorkerdServer } from "./workerd-server.js";

/** Real Durable Objects in workerd, and a namespace through which a store in Node calls them. */
export interface DurableObjectServer extends DurableObjects {
  /** Where other processes `connectObjects` to. */
  readonly url: string;
  /** The process: to be paused or killed, and what a proxy is put in front of. */
  readonly server: WorkerdServer;
  /** Moves the objects' clock by so much more, for good; alarms ring by the machine's. */
  moveClock(byMs: number): Promise<void>;
  /** Kills workerd and starts it again on what its objects have stored. */
  restart(): Promise<void>;
  /** Kills workerd and removes what its objects have stored. */
  close(): Promise<void>;
}

/** Options of `startDurableObjects`. */
export interface DurableObjectServerOptions {
  /** Whether the class is backed by SQLite. @default true */
  readonly sql?: boolean;
  /** The class to serve: a module, from the root of the repository, that exports `OnceoverRecord`. @default the published one */
  readonly module?: string;
  /** Goes before workerd on its command line, such as `UNDER_FILE_LIMIT`. @default nothing */
  readonly under?: readonly string[];
}

const BRIDGE = "./test/fixtures/durable-object-bridge.ts";

/** Starts workerd with the class of @onceover/durable-object and settles when it answers: about a second. */
export async function startDurableObjects(options: DurableObjectServerOptions = {}): Promise<DurableObjectServer> {
  const { module = BRIDGE, ...rest } = options;
  let aheadMs = 0;
  const script = await bundleWorker(`export { OnceoverRecord } from "${module}"; export { default } from "${BRIDGE}";`);
  const server = await startWorkerd({ ...rest, script, texts: () => ({ AHEAD_MS: String(aheadMs) }) });
  const objects = connectObjects(server.url);
  return {
    ...objects,
    url: server.url,
    server,
    async moveClock(byMs) {
      aheadMs += byMs;
      await objects.call("-", "clock", aheadMs);
    },
    restart: () => server.restart(),
    close: () => server.close(),
  };
}

/** Bundles a module for workerd, given as text that imports from the root of the repository. */
export function bundleWorker(contents: string): Promise<string> {
  return bundle(contents, { external: ["cloudflare:workers"] });
}
