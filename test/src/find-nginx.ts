import { findPrograms, type Programs } from "./find-programs.js";

let found: Promise<Programs<"nginx">> | undefined;

/** Finds nginx and the environment it needs, unpacking a private copy on the first call where none is installed. */
export async function findNginx(): Promise<{ readonly program: string; readonly env: NodeJS.ProcessEnv }> {
  found ??= findPrograms({
    name: "nginx",
    programs: ["nginx"],
    packages: ["nginx"],
    install: "install nginx 1.20 or later so that it is on the PATH",
  });
  const { paths, env } = await found;
  return { program: paths.nginx, env };
}
