import { spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Ledger, openLedger, readEffects } from "../payments-service/ledger.js";

const RUN = { effectKey: "k.effect", attempt: 1 };
const DETAILS = { kind: "payment", scope: "alpaca", key: "order-1", details: { amount: 5 } } as const;

let folder: string;
let path: string;
let open: { close(): void }[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "onceover-ledger-"));
  path = join(folder, "ledger.jsonl");
  open = [];
});

afterEach(() => {
  for (const each of open) each.close();
  rmSync(folder, { recursive: true });
});

function opened<T extends { close(): void }>(ledger: T): T {
  open.push(ledger);
  return ledger;
}

const here = (): Ledger => opened(openLedger(path));
const effects = () => opened(readEffects(path)).next();

/** The pid of a process that has ended. */
function deadPid(): number {
  return spawnSync(process.execPath, ["--version"]).pid;
}

describe("ledger", () => {
  test("an effect that was taken stands in the file, and every process that settles its run is told", async () => {
    const taken = await here().take(RUN, DETAILS);
    expect(effects()).toEqual([taken]);
    expect(here().settle(RUN)).toEqual({ outcome: "happened", effect: taken });
    expect(here().settle({ ...RUN, attempt: 2 })).toEqual({ outcome: "happened", effect: taken });
  });

  test("a second effect of a key is not refused: it can be seen", async () => {
    await here().take(RUN, DETAILS);
    await here().take({ ...RUN, attempt: 2 }, DETAILS);
    expect(effects()).toHaveLength(2);
  });

  test("every process tells of all effects in one order, also of those that another one takes later", async () => {
    const [one, other] = [here(), here()];
    const first = await one.take(RUN, DETAILS);
    expect(other.happened()).toEqual([first]);
    const second = await other.take({ effectKey: "k2.effect", attempt: 1 }, { ...DETAILS, key: "order-2" });
    expect(one.happened()).toEqual([first, second]);
    expect(other.happened()).toEqual([first, second]);
  });

  test("a run that was settled before it began never takes effect", async () => {
    const late = here();
    expect(here().settle(RUN)).toEqual({ outcome: "never" });
    expect(await late.take(RUN, DETAILS)).toBe("closed");
    expect(effects()).toEqual([]);
    expect(await late.take({ ...RUN, attempt: 2 }, DETAILS)).toMatchObject(DETAILS);
  });

  test("a run that began in a process that lives stays open until its effect is there", async () => {
    const slow = opened(openLedger(path, { latencyMs: 30 }));
    const taking = slow.take(RUN, DETAILS);
    expect(here().settle(RUN)).toEqual({ outcome: "open" });
    const taken = await taking;
    expect(taken).not.toBe("closed");
    expect(here().settle(RUN)).toEqual({ outcome: "happened", effect: taken });
  });

  test("a run that began in a process that is gone never takes effect", () => {
    appendFileSync(path, `${JSON.stringify({ line: "begin", ...RUN, pid: deadPid() })}\n`);
    expect(here().settle(RUN)).toEqual({ outcome: "never" });
  });

  test("a line that was cut off by a kill counts for nothing and spoils no other", async () => {
    appendFileSync(path, '\n{"line":"effect","effectKey":"k.effect","attempt":1,"eff');
    expect(here().settle(RUN)).toEqual({ outcome: "never" });
    await here().take({ ...RUN, attempt: 2 }, DETAILS);
    expect(effects()).toHaveLength(1);
  });

  test("a line of which only the end is missing is read the same by whoever settles and whoever counts", () => {
    const effect = { id: "e1", ...DETAILS };
    appendFileSync(path, `\n${JSON.stringify({ line: "effect", ...RUN, effect })}`);
    expect(here().settle(RUN)).toEqual({ outcome: "happened", effect });
    expect(effects()).toEqual([effect]);
  });
});
