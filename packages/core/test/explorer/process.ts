/** One process of the simulation: the real core on simulated clocks and timers, an adapter, and a handler. */

import { hash } from "node:crypto";
import type {
  Answer,
  LiveAnswer,
  Once,
  OwnerToken,
  Recovered,
  RequestFacts,
  Run,
  UnknownOutcome,
} from "../../src/index.js";
import type { Platform } from "../../src/platform.js";
import type { Effect } from "./ledger.js";
import { callerMs, remember, storeFor } from "./network.js";
import { checkAnswered, checkLease, checkStart } from "./rules.js";
import { clientOfRun } from "./transactions.js";
import type { Deed, HandlerStep, Process, Received, Sent, World } from "./world.js";

/** The lease of every run, in milliseconds: renewed each 100. */
export const LEASE_MS = 400;

/** Starts a process. */
export function startProcess(world: World): Process {
  const index = world.processes.length;
  const id = String.fromCharCode(65 + index);
  const process: Process = {
    id,
    index,
    status: "up",
    mount: undefined,
    timers: [],
    inbox: [],
    repliesFirst: false,
    memory: index,
    cached: "",
    serials: 0,
  };
  world.processes.push(process);
  const { createOnceoverOn, effects, transactional, inFlight, recover } = world.settings;
  const once = createOnceoverOn<Sent>(platformOf(world, process), {
    service: "payments",
    revision: `r${index}`,
    store: storeFor(world, process),
    scope: (request) => request.scope,
    idempotency: {
      effects,
      transactional,
      inFlight,
      leaseMs: LEASE_MS,
      recover: recover === "none" ? undefined : (unknown) => recoverIn(world, process, unknown),
    },
  });
  process.mount = once.mount();
  return process;
}

function platformOf(world: World, process: Process): Platform {
  return {
    monotonicMs: () => world.nowMs + process.index * 1_000_000,
    epochMs: () => callerMs(world, process),
    timer(ms, then) {
      process.serials += 1;
      const timer = { id: process.serials, atMs: world.nowMs + ms, fire: then };
      process.timers.push(timer);
      return () => {
        process.timers = process.timers.filter((each) => each !== timer);
      };
    },
    token() {
      process.serials += 1;
      return `${process.id}${process.serials}` as OwnerToken;
    },
    sha256: (input) => hash("sha256", input, "base64url" as "hex"),
  };
}

/** The adapter: asks for a verdict and does what it says. Not awaited by anybody; what it throws fails the schedule. */
export async function serve(world: World, request: Sent): Promise<void> {
  const verdict = await request.process.mount?.attempt(factsOf(request));
  switch (verdict?.action) {
    case "answer":
      return answered(world, request, verdict.answer);
    case "run":
      return handle(world, request, verdict.run);
    case "join":
      return readAlong(world, request, verdict.answer);
    default:
      world.violations.push(`verdict: ${request.id} was let through without a run`);
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function factsOf(request: Sent): RequestFacts<Sent> {
  return {
    method: "POST",
    target: "/payments",
    header: (name) => HEADERS[name] ?? [],
    body: () => ({ outcome: "bytes", bytes: encoder.encode(request.payload) }),
    request,
  };
}

const HEADERS: Readonly<Record<string, readonly string[]>> = {
  "idempotency-key": ["k"],
  "content-type": ["text/plain"],
};

/** The handler: an effect, then an answer; each of its steps waits to be chosen. */
async function handle(world: World, request: Sent, run: Run): Promise<void> {
  checkStart(world, request, run.once);
  const first = await step(world, request, "effect");
  if (first === "cut") return cut(request, run);
  if (first === "fail") return finish(world, request, run, 500, "failed before the effect");
  if (first === "abandon") {
    await run.once.abandon();
    return finish(world, request, run, 503, "nothing happened");
  }
  checkLease(world, request, run.once);
  const ledger = world.settings.transactional ? clientOfRun(run.once) : world.ledger;
  const effect = ledger.make({ scope: request.scope, payload: request.payload, request: request.id }, run.once);
  remember(world, request.process, `effect ${effect?.id}`);
  if (effect === undefined) return finish(world, request, run, 500, "the ledger refused the effect");
  if ((await step(world, request, "answer")) === "fail")
    return finish(world, request, run, 500, "failed after the effect");
  return finish(world, request, run, 200, bodyOf(world, effect, run.once));
}

function step(world: World, { process, id }: Sent, phase: HandlerStep["phase"]): Promise<Deed> {
  return new Promise((go) => {
    world.steps.push({ id: `${process.id}.${id}.${phase}`, process, phase, go });
  });
}

function bodyOf(world: World, effect: Effect, once: Once): string {
  return world.settings.body === "effect" ? effect.id : `${effect.id} by run ${once.fence}`;
}

function cut(request: Sent, run: Run): void {
  run.cut();
  request.gone = true;
  request.over = true;
}

async function finish(world: World, request: Sent, run: Run, status: number, body: string): Promise<void> {
  const bytes = encoder.encode(body);
  run.head(status, [["Content-Type", "text/plain"]], []);
  if (world.settings.streams) {
    run.write(bytes.slice(0, 1));
    if ((await step(world, request, "end")) === "cut") return cut(request, run);
    run.write(bytes.slice(1));
  } else run.write(bytes);
  const release = await run.end();
  const own = { status, headers: [], chunks: [bytes] };
  answered(world, request, release.action === "send" ? own : release.answer);
}

/** A client that reads along; one that is cut off has no answer. */
async function readAlong(world: World, request: Sent, { status, body }: LiveAnswer): Promise<void> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of body) chunks.push(chunk);
  } catch {
    request.gone = true;
    request.over = true;
    return;
  }
  answered(world, request, { status, headers: [], chunks });
}

function answered(world: World, request: Sent, answer: Answer): void {
  request.over = true;
  request.answer = received(answer);
  checkAnswered(world, request, request.answer);
}

function received({ status, chunks }: Answer): Received {
  const body = chunks.map((chunk) => decoder.decode(chunk)).join("");
  const problem = body.startsWith("{") ? (JSON.parse(body) as Problem) : undefined;
  const effect = status === 200 ? body.split(" ")[0] : undefined;
  // A tombstone says that there was a run, and what it came to.
  const executed = problem?.code === "answer-not-kept" ? true : problem?.executed;
  return { status, body, executed, effect };
}

interface Problem {
  readonly code: string;
  readonly executed?: boolean | "unknown";
}

/** What the application says of an unknown outcome; always the truth. */
function recoverIn(world: World, process: Process, { request, attempt }: UnknownOutcome<Sent>): Recovered {
  const recovered = truth(world, process, request, attempt);
  remember(world, process, `recovered ${recovered.outcome}`);
  return recovered;
}

function truth(world: World, process: Process, wanted: Sent, attempt: number): Recovered {
  const closes = world.settings.recover === "closes";
  const effect = closes ? world.ledger.close(wanted, attempt) : world.ledger.find(wanted);
  if (effect !== undefined) return { outcome: "done", response: { status: 200, body: effect.id } };
  const othersAreDead = world.sent.every(
    (other) => other.scope !== wanted.scope || other.over || !isAlive(world, process, other),
  );
  return closes || othersAreDead ? { outcome: "rerun" } : { outcome: "unknown" };
}

/** In its own process, the application knows which handlers are at work. */
function isAlive(world: World, asked: Process, { process, id }: Sent): boolean {
  if (process !== asked) return process.status !== "down";
  return world.steps.some((step) => step.process === process && step.id === `${process.id}.${id}.effect`);
}
