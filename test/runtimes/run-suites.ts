/** Runs test files that were bundled, wherever this is. */
import { type File, startTests, type Task, type VitestRunner } from "@vitest/runner";

/** What came of one test. */
export interface Outcome {
  readonly file: string;
  readonly name: string;
  /** What went wrong; absent where the test passed. */
  readonly failure?: string;
}

/** Imports the files, by their names, and runs what they register. */
export async function runSuites(suites: Readonly<Record<string, () => Promise<unknown>>>): Promise<Outcome[]> {
  const runner: VitestRunner = {
    config: {
      root: "",
      name: undefined,
      setupFiles: [],
      passWithNoTests: false,
      testNamePattern: undefined,
      allowOnly: false,
      sequence: { seed: 1, hooks: "stack", setupFiles: "parallel" },
      chaiConfig: undefined,
      maxConcurrency: 5,
      testTimeout: 30_000,
      hookTimeout: 60_000,
      retry: 0,
      includeTaskLocation: false,
      tags: [],
      tagsFilter: undefined,
      strictTags: false,
    },
    importFile: (path) => suites[path]?.(),
  };
  const files = await startTests(Object.keys(suites), runner);
  return files.flatMap(outcomesOf);
}

/** A file that broke before its tests began is an outcome of its own. */
function outcomesOf(file: File): Outcome[] {
  const broken = file.tasks.length === 0 || file.result?.errors !== undefined;
  const own = broken ? [{ file: file.name, name: "its tests begin", failure: failureOf(file) }] : [];
  return [...own, ...file.tasks.flatMap((task) => outcomesIn(file.name, task))];
}

function outcomesIn(file: string, task: Task, above = ""): Outcome[] {
  const name = `${above}${task.name}`;
  if (task.type === "suite") return task.tasks.flatMap((each) => outcomesIn(file, each, `${name} > `));
  return [task.result?.state === "pass" ? { file, name } : { file, name, failure: failureOf(task) }];
}

function failureOf({ result }: Task): string {
  const told = result?.errors?.map(({ message, stack }) => `${message}\n${stack ?? ""}`).join("\n");
  return told ?? result?.state ?? "never ran";
}
