import type { AcquireRequest, Fingerprint, OwnerToken, Store, StoreKey } from "@onceover/core";
import fc from "fast-check";
import { expect } from "vitest";
import {
  asking,
  bytesOf,
  DAY_MS,
  expectBytes,
  expectOutcome,
  MINUTE_MS,
  newKey,
  newToken,
  OTHER_PRINT,
  PRINT,
  type StoreCase,
  type StoreHarness,
  until,
} from "./store-harness.js";
import {
  type ExpectedAcquire,
  type ModelRecord,
  modelAbandon,
  modelAcquire,
  modelComplete,
  modelLapse,
  modelOwned,
  modelRead,
  modelRenew,
} from "./store-model.js";

const RUNS = 100;
/** Fixed, so that a red run stays red; fast-check prints the smallest sequence that breaks the rule. */
const SEED = 20261123;
const PRINTS = [PRINT, PRINT, OTHER_PRINT] as const;

/** One step of a random sequence; key, token and handle by index. */
type Command =
  | { readonly verb: "acquire"; readonly key: number; readonly token: number; readonly takeOver: TakeOver }
  | { readonly verb: "renew" | "complete" | "abandon"; readonly key: number; readonly token: number }
  | { readonly verb: "lapse" | "forget"; readonly key: number };

/** `stale`: the fence of the run before, `right`: the fence of the run that is recorded. */
type TakeOver = "no" | "true" | "right" | "stale";

/** One sequence under way: what the model holds beside what the store holds. */
interface World {
  readonly harness: StoreHarness;
  readonly handles: readonly Store[];
  readonly keys: readonly StoreKey[];
  readonly tokens: readonly OwnerToken[];
  readonly model: Map<StoreKey, ModelRecord>;
  step: number;
}

const index = (below: number) => fc.nat({ max: below - 1 });
const commands: fc.Arbitrary<readonly Command[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        verb: fc.constant("acquire" as const),
        key: index(2),
        token: index(3),
        takeOver: fc.constantFrom<TakeOver>("no", "true", "right", "stale"),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        verb: fc.constantFrom("renew" as const, "complete" as const, "abandon" as const),
        key: index(2),
        token: index(3),
      }),
    },
    { weight: 2, arbitrary: fc.record({ verb: fc.constantFrom("lapse" as const, "forget" as const), key: index(2) }) },
  ),
  { minLength: 1, maxLength: 30, size: "max" },
);

/** The store against the reference model. */
export const MODEL_CASES: readonly StoreCase[] = [
  {
    rule: "answers as the reference model does, over random sequences of verbs by three tokens on two keys and two handles",
    async run(harness) {
      const handles = [harness.store, await harness.second()];
      const holds = (sequence: readonly Command[]) => runSequence(newWorld(harness, handles), sequence);
      await fc.assert(fc.asyncProperty(commands, holds), { numRuns: RUNS, seed: SEED });
    },
  },
];

function newWorld(harness: StoreHarness, handles: readonly Store[]): World {
  const keys = [newKey(), newKey()];
  return { harness, handles, keys, tokens: [newToken(), newToken(), newToken()], model: new Map(), step: 0 };
}

async function runSequence(world: World, sequence: readonly Command[]): Promise<void> {
  for (const command of sequence) {
    world.step += 1;
    await runCommand(world, command);
    for (const key of world.keys) await expectAgreement(world, key);
  }
}

async function runCommand(world: World, command: Command): Promise<void> {
  const key = at(world.keys, command.key);
  const found = recordOf(world, key);
  switch (command.verb) {
    case "acquire":
      return runAcquire(world, requestOf(world, key, command), found);
    case "lapse":
      return runLapse(world, key, found);
    case "forget":
      return runForget(world, key, found);
    case "renew":
    case "complete":
    case "abandon":
      return runWrite(world, command.verb, key, at(world.tokens, command.token), found);
    // no default
  }
}

async function runAcquire(world: World, request: AcquireRequest, found: ModelRecord): Promise<void> {
  const expected = modelAcquire(found, request);
  const actual = await handleOf(world).acquire(request);
  expectAcquire(actual, expected);
  if (actual.outcome === "acquired") world.model.set(request.key, modelOwned(request, actual));
}

function expectAcquire(actual: Awaited<ReturnType<Store["acquire"]>>, expected: ExpectedAcquire): void {
  switch (expected.outcome) {
    case "acquired": {
      const { fence, attempt } = expectOutcome(actual, "acquired");
      expect(attempt).toBe(expected.attempt);
      if (typeof expected.fence === "number") expect(fence).toBe(expected.fence);
      else expect(fence).toBeGreaterThan(expected.fence.above);
      return;
    }
    case "running":
      expect(expectOutcome(actual, "running").fingerprint).toBe(expected.fingerprint);
      return;
    case "unknown": {
      const { fingerprint, fence, attempt } = expected.run;
      expect(actual).toMatchObject({ outcome: "unknown", fingerprint, fence, attempt });
      return;
    }
    case "done":
      expectBytes(expectOutcome(actual, "done").record, expected.record);
      return;
    // no default
  }
}

async function runWrite(
  world: World,
  verb: "renew" | "complete" | "abandon",
  key: StoreKey,
  token: OwnerToken,
  found: ModelRecord,
): Promise<void> {
  const store = handleOf(world);
  const record = bytesOf(`answer ${world.step}`);
  const { answer, after } = verb === "complete" ? modelComplete(found, token, record) : WRITES[verb](found, token);
  if (verb === "complete") expect(await store.complete(key, token, record, DAY_MS)).toBe(answer);
  else expect(await (verb === "renew" ? store.renew(key, token, MINUTE_MS) : store.abandon(key, token))).toBe(answer);
  world.model.set(key, after);
}

const WRITES = { renew: modelRenew, abandon: modelAbandon } as const;

/** Ends the lease of a running record: its owner makes it one millisecond long, and the clock does the rest. */
async function runLapse(world: World, key: StoreKey, found: ModelRecord): Promise<void> {
  if (found.state !== "running") return;
  const store = handleOf(world);
  expect(await store.renew(key, found.run.token, 1)).toBe("ok");
  await until(world.harness, 1, async () => (await store.read(key)).outcome === "unknown", "unknown record");
  world.model.set(key, modelLapse(found));
}

async function runForget(world: World, key: StoreKey, found: ModelRecord): Promise<void> {
  const answer = await handleOf(world).forget(key);
  // An abandoned record may be a record still or none already.
  if (found.state !== "abandoned") expect(answer).toBe(found.state === "none" ? "none" : "ok");
  world.model.set(key, { state: "none" });
}

async function expectAgreement(world: World, key: StoreKey): Promise<void> {
  const found = recordOf(world, key);
  const actual = await handleOf(world).read(key);
  expect(actual.outcome).toBe(modelRead(found));
  if (found.state === "done") expectBytes(expectOutcome(actual, "done").record, found.record);
}

function requestOf(world: World, key: StoreKey, command: Extract<Command, { verb: "acquire" }>): AcquireRequest {
  const takeOver = takeOverOf(command.takeOver, recordOf(world, key));
  const fingerprint: Fingerprint = at(PRINTS, command.token);
  return asking(
    key,
    at(world.tokens, command.token),
    takeOver === undefined ? { fingerprint } : { fingerprint, takeOver },
  );
}

function takeOverOf(kind: TakeOver, found: ModelRecord): true | number | undefined {
  if (kind === "no") return undefined;
  if (kind === "true") return true;
  const fence = found.state === "unknown" || found.state === "running" ? found.run.fence : 1;
  return kind === "right" ? fence : fence - 1;
}

/** The two handles take turns. */
function handleOf(world: World): Store {
  return at(world.handles, world.step % world.handles.length);
}

function recordOf(world: World, key: StoreKey): ModelRecord {
  return world.model.get(key) ?? { state: "none" };
}

function at<T>(list: readonly T[], position: number): T {
  const item = list[position];
  if (item === undefined) throw new RangeError(`position must be below ${list.length}, got ${position}`);
  return item;
}
