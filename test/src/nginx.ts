import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChild } from "./child.js";
import { findNginx } from "./find-nginx.js";
import { launchOnFreePort } from "./free-port.js";

/** An nginx of the test's own on 127.0.0.1: one process, and nothing of it outside its own folder. */
export interface Nginx {
  readonly port: number;
  /** Without a slash at its end. */
  readonly url: string;
  /** What it has logged, notices and above. */
  output(): string;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** Options of `startNginx`. Whatever path they name is below the folder of this nginx, unless it begins with a slash. */
export interface NginxOptions {
  /** Directives of the only `server`: its `location`s. It has a `listen` already. */
  readonly server: string;
  /** Directives beside it, such as `proxy_cache_path` and `upstream`. @default none */
  readonly http?: string;
}

const TAKEN = "Address already in use";
/** The first that it says once its socket listens: whoever connects from then on is served. */
const READY = /using the "\w+" event method/;

/** Starts an nginx on a free port and settles when it listens; rejects with what it said where the directives are wrong. */
export async function startNginx(options: NginxOptions): Promise<Nginx> {
  const { program, env } = await findNginx();
  const folder = await mkdtemp(join(tmpdir(), "onceover-nginx-"));
  const launch = async (port: number) => {
    await writeFile(join(folder, "nginx.conf"), configuration(options, port));
    // Until it has read where to log it would open the log of the system.
    const args = ["-p", folder, "-c", "nginx.conf", "-e", "stderr"];
    return startChild(program, args, { env, ready: READY, scratchFolder: folder });
  };
  const { port, child } = await launchOnFreePort(launch, TAKEN).catch(async (cause: unknown) => {
    await rm(folder, { recursive: true, force: true });
    throw cause;
  });
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    output: child.output,
    async stop() {
      process.kill(child.pid, "SIGTERM");
      await child.ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Without a master process there is one process to end, and no worker that could outlive it. */
function configuration({ server, http = "" }: NginxOptions, port: number): string {
  return `daemon off;
master_process off;
pid nginx.pid;
error_log stderr notice;
events {}
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  ${http}
  server {
    listen 127.0.0.1:${port};
    ${server}
  }
}
`;
}
