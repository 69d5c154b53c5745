import { findPrograms, type Programs } from "./find-programs.js";

/** Where the programs of Redis are, and the environment they need. */
export interface RedisPrograms {
  readonly server: string;
  readonly cli: string;
  readonly env: NodeJS.ProcessEnv;
}

let found: Promise<Programs<"redis-server" | "redis-cli">> | undefined;

/** Finds redis-server and redis-cli, unpacking a private copy on the first call where none is installed. */
export async function findRedis(): Promise<RedisPrograms> {
  found ??= findPrograms({
    name: "redis",
    programs: ["redis-server", "redis-cli"],
    packages: ["redis-server", "redis-tools"],
    install: "install redis-server and redis-cli 6.2 or later so that both are on the PATH",
  });
  const { paths, env } = await found;
  return { server: paths["redis-server"], cli: paths["redis-cli"], env };
}
