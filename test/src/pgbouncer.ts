import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChild } from "./child.js";
import { findPrograms } from "./find-programs.js";
import { launchOnFreePort } from "./free-port.js";

/** A PgBouncer of the test's own on 127.0.0.1, in transaction mode: a session of the server is a client's for one transaction. */
export interface Pgbouncer {
  readonly port: number;
  /** As the superuser `postgres`, without a password. */
  readonly url: string;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

const WANTED = {
  name: "pgbouncer",
  programs: ["pgbouncer"],
  packages: ["pgbouncer"],
  install: "install pgbouncer 1.18 or later so that it is on the PATH",
} as const;

/** It refuses to run as root: then it runs as nobody. */
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

/** Starts a PgBouncer in front of the Postgres on `target`, with few sessions so that clients have to share them. */
export async function startPgbouncer(target: number): Promise<Pgbouncer> {
  const { paths, env } = await findPrograms(WANTED);
  const folder = await mkdtemp(join(tmpdir(), "onceover-pgbouncer-"));
  await writeFile(join(folder, "users.txt"), '"postgres" ""\n');
  if (isRoot) await chown(folder, NOBODY, NOBODY);
  const launch = async (port: number) => {
    const file = join(folder, "pgbouncer.ini");
    await writeFile(file, configuration(target, port, folder));
    const [program, ...args] = [...asNobody(), paths.pgbouncer, file];
    return startChild(program ?? "", args, { env, ready: /process up/, scratchFolder: folder });
  };
  const { port, child } = await launchOnFreePort(launch, "Address already in use");
  return {
    port,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    async stop() {
      process.kill(child.pid, "SIGTERM");
      await child.ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function asNobody(): string[] {
  return isRoot ? ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"] : [];
}

function configuration(target: number, port: number, folder: string): string {
  return `[databases]
postgres = host=127.0.0.1 port=${target} dbname=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${join(folder, "users.txt")}
pool_mode = transaction
default_pool_size = 8
max_client_conn = 500
`;
}
