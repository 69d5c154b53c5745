import { afterAll, describe, expect, it } from "vitest";
import { tellChoice } from "./choice.js";
import { choices } from "./choices.js";
import { describeFailure, type Found, nothingFound } from "./found.js";
import { PLANTED_BUGS } from "./planted-bugs.js";
import { plantedCore } from "./planted-core.js";
import { PLANTED_STORES } from "./planted-stores.js";
import { randomSchedule, randomSettings, SAME, seeded } from "./random.js";
import { make } from "./schedule.js";
import { everySchedule } from "./search.js";
import { CONTRACT } from "./sim-store.js";
import { createWorld, type Settings } from "./world.js";

type Core = Pick<Settings, "createOnceoverOn" | "rules">;

/** Random schedules that a bug may survive before the exhaustive search is asked. */
const RANDOM_SCHEDULES = 3000;
const SEED = 7;

const killed: string[] = [];

/** Looks for a schedule that a planted bug makes fail, first at random, then among all of a small world. */
async function kill(bug: string, core: Core): Promise<Found> {
  const found = nothingFound();
  const by = (await killAtRandom(core, found)) ?? (await killAmongAll(core, found));
  killed.push(`  ${bug}: ${by ?? "SURVIVED"} after ${found.schedules} schedules: ${found.failure?.broken[0]}`);
  return found;
}

async function killAtRandom(core: Core, found: Found): Promise<"random" | undefined> {
  for (let number = 0; number < RANDOM_SCHEDULES; number += 1) {
    await randomly(core, number, found);
    if (found.failure === undefined) continue;
    // What the healthy core and store do not survive either says nothing about the bug.
    const healthy = nothingFound();
    await randomly({ createOnceoverOn: await plantedCore([]), rules: CONTRACT }, number, healthy);
    expect(healthy.failure).toBeUndefined();
    return "random";
  }
  return undefined;
}

async function randomly(core: Core, number: number, found: Found): Promise<void> {
  const random = seeded(SEED + number);
  await randomSchedule(randomSettings(core, random), random, found);
}

async function killAmongAll(core: Core, found: Found): Promise<"exhaustive" | undefined> {
  const small = { ...SMALL, ...core, recover: "dead", faults: 2, requests: SAME.slice(0, 2) } as const;
  await everySchedule(small, found);
  return found.failure === undefined ? undefined : "exhaustive";
}

const SMALL = {
  effects: "once",
  inFlight: "reject",
  recover: "none",
  body: "effect",
  processes: 2,
  faults: 0,
  whims: false,
  streams: false,
  canonical: true,
} as const;

/** The status of a request with another payload that meets a run of its key in its own process. */
async function statusOfOtherPayload(createOnceoverOn: Core["createOnceoverOn"]): Promise<number | undefined> {
  const requests = ["10 EUR", "99 EUR"].map((payload) => ({ scope: "ann", payload }));
  const world = createWorld({ ...SMALL, createOnceoverOn, rules: CONTRACT, requests, canonical: false });
  for (const wanted of ["send to a new process", "deliver A.acquire", "send to A"]) {
    const choice = choices(world).find((each) => tellChoice(each).startsWith(wanted));
    if (choice !== undefined) await make(world, choice);
  }
  return world.sent[1]?.answer?.status;
}

const DIRECTED = "another payload waits for a run in the same process";

afterAll(() => console.log(["planted bugs, and what killed them:", ...killed].join("\n")));

describe("a planted bug of the store is found:", () => {
  it.each(Object.entries(PLANTED_STORES))("%s", async (bug, rules) => {
    const { failure } = await kill(`store ${bug}`, { createOnceoverOn: await plantedCore([]), rules });
    expect(failure?.broken[0]).toBeDefined();
  });
});

describe("a planted bug of core is found:", () => {
  it.each(Object.entries(PLANTED_BUGS).filter(([bug]) => bug !== DIRECTED))("%s", async (bug, patches) => {
    const { failure } = await kill(`core ${bug}`, { createOnceoverOn: await plantedCore(patches), rules: CONTRACT });
    expect(failure?.broken[0]).toBeDefined();
  });

  it(DIRECTED, async () => {
    expect(await statusOfOtherPayload(await plantedCore([]))).toBe(422);
    expect(await statusOfOtherPayload(await plantedCore(PLANTED_BUGS[DIRECTED] ?? []))).toBe(409);
    killed.push(`  core ${DIRECTED}: directed after 1 schedule: 409 in place of 422`);
  });
});

describe("plantedCore", () => {
  it("rejects a patch whose text is not found exactly once", async () => {
    const absent = { file: "run-ending.ts", find: "no such text", replace: "" };
    await expect(plantedCore([absent])).rejects.toThrow('run-ending.ts holds "no such text" 0 times');
    await expect(plantedCore([{ ...absent, find: "const" }])).rejects.toThrow("the patch must follow the source");
    await expect(plantedCore([{ ...absent, file: "none.ts" }])).rejects.toThrow("no file none.ts");
  });
});

describe("a failure", () => {
  it("is told with its settings, its choices, its answers and the ledger, and runs again", async () => {
    const rules = PLANTED_STORES["forgets what is done"] ?? CONTRACT;
    const { failure } = await kill("(told)", { createOnceoverOn: await plantedCore([]), rules });
    killed.pop();
    if (failure === undefined) throw new Error("the planted bug was not found");
    const told = await describeFailure(failure);
    expect(told).toMatch(/^broken: (?:.|\n)+\nsettings: \{"effects":/);
    expect(told).toMatch(/choices: [\d ]+\n {2}1\. 0 ms: send to a new process\n/);
    expect(told).toMatch(/answers:\n {2}q1 .+\n(?:.|\n)*ledger:\n {2}e1 of ann/);
  });
});
