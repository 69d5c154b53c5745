import { access, constants } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { findPrograms, type Programs } from "./find-programs.js";

let found: Promise<Programs<"chromium">> | undefined;

/** Finds Chromium and the environment it needs, unpacking a private copy on the first call where none is installed. */
export async function findChromium(): Promise<{ readonly program: string; readonly env: NodeJS.ProcessEnv }> {
  found ??= findPrograms({
    name: "chromium",
    programs: ["chromium"],
    packages: ["chromium"],
    install: "install chromium so that it is on the PATH",
  });
  const { paths, env } = await found;
  const isInstalled = env === process.env;
  const program = await behindScript(paths.chromium);
  return { program, env: isInstalled ? env : { ...env, ...ofCopy(paths.chromium, env.LD_LIBRARY_PATH ?? "") } };
}

/** On Debian a script stands before the browser, which knows of no copy but the installed one. */
async function behindScript(path: string): Promise<string> {
  const program = join(dirname(path), "../lib/chromium/chromium");
  return access(program, constants.X_OK).then(
    () => program,
    () => path,
  );
}

/** A copy finds neither the libraries that others of its own look for at a fixed place, nor its fonts. */
function ofCopy(path: string, libraryPath: string): NodeJS.ProcessEnv {
  const folder = join(dirname(path), "../..");
  const folders = libraryPath.split(delimiter);
  return {
    LD_LIBRARY_PATH: [...folders, ...folders.map((name) => join(name, "pulseaudio"))].join(delimiter),
    FONTCONFIG_FILE: join(folder, "etc/fonts/fonts.conf"),
    // Its configuration looks for fonts there, beside a place that is fixed.
    XDG_DATA_HOME: join(folder, "usr/share"),
  };
}
