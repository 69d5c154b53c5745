import { findPrograms, type Programs } from "./find-programs.js";

let found: Promise<Programs<"haproxy">> | undefined;

/** Finds haproxy and the environment it needs, unpacking a private copy on the first call where none is installed. */
export async function findHaproxy(): Promise<{ readonly program: string; readonly env: NodeJS.ProcessEnv }> {
  found ??= findPrograms({
    name: "haproxy",
    programs: ["haproxy"],
    packages: ["haproxy"],
    install: "install haproxy 2.4 or later so that it is on the PATH",
  });
  const { paths, env } = await found;
  return { program: paths.haproxy, env };
}
