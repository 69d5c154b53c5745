/** Pins before everything else: what is refused here has burned no key, and what is sent elsewhere has claimed none. */

import type { HeaderLine, RequestFacts } from "../facts.js";
import type { Mount, Refuse } from "../onceover.js";
import type { Pins } from "../pinned.js";
import { after, type MaybePromise } from "../platform.js";
import { type PinProblemCode, type ProblemDetail, pinProblemAnswer } from "../problem.js";
import type { ForwardTarget } from "../revisions/forwarder.js";
import type { Routed, Router, Steer } from "../revisions/router.js";
import type { FoundRevision } from "../revisions/seek.js";
import type { Shell } from "../shell.js";
import type { Verdict } from "../verdict.js";
import { decidePins, decideSought, type Offer, type RequestKind, type Sought } from "./decide-pins.js";
import { Exchange, type ExchangeGround, type Judged } from "./exchange.js";
import { NOTHING, refusal } from "./leaving.js";
import { validateOwnPins } from "./own-pins.js";
import { NO_PINS, type ParsedPins, parsePins } from "./parse-pins.js";
import type { PinSettings } from "./pin-settings.js";
import type { Read, Reading } from "./reading.js";
import { isPreflight, requestKind } from "./request-kind.js";

/** What the mounts of one instance share. */
export interface PinContext {
  readonly settings: PinSettings;
  readonly reading: Reading<Pins>;
  readonly router: Router | undefined;
  readonly ground: ExchangeGround;
  readonly emit: Shell["emit"];
  /** Answers what an instance that leaves does not begin; `undefined` where it stays. */
  leaving(): Refuse | undefined;
}

/** Puts the check of pins before a mount. */
export function pinnedMount<Request>(
  context: PinContext,
  mount: Mount<Request>,
  required: readonly string[],
): Mount<Request> {
  return {
    attempt(facts, otherwise) {
      const arriving = context.router?.arrive();
      return after(arriving, () => judge({ context, mount, required, facts, otherwise }));
    },
  };
}

interface Arriving<Request> {
  readonly context: PinContext;
  readonly mount: Mount<Request>;
  readonly required: readonly string[];
  readonly facts: RequestFacts<Request>;
  readonly otherwise: Verdict | undefined;
}

const FREE: Steer = { steered: "free" };

function judge<Request>(arriving: Arriving<Request>): MaybePromise<Verdict> {
  const { context, facts } = arriving;
  const { settings, router, reading } = context;
  const parsing = withOwnPins(settings, parsePins(facts, settings.names, settings.prefix));
  return after(parsing, (parsed) =>
    after(router === undefined ? FREE : router.steer(facts), (steer) => {
      const asked = parsed.outcome === "pins" ? parsed.pins : NO_PINS;
      return after(asked === NO_PINS ? atHand(reading) : reading.get(), (read) => {
        const offer = offerOf(settings, read);
        const judged = { facts, asked, live: offer?.live ?? NO_PINS, steer };
        if (parsed.outcome === "invalid") return refuse(arriving, judged, "pins-invalid", { detail: parsed.detail });
        return act(arriving, judged, offer);
      });
    }),
  );
}

/** The pins as they are compared: an application's own as its schema makes them. */
function withOwnPins({ schema, ownNames }: PinSettings, parsed: ParsedPins): MaybePromise<ParsedPins> {
  if (schema === undefined || parsed.outcome === "invalid") return parsed;
  const { pins } = parsed;
  const own = Object.fromEntries(ownNames.filter((name) => name in pins).map((name) => [name, pins[name]]));
  if (Object.keys(own).length === 0) return parsed;
  return after(validateOwnPins(schema, own), (made) =>
    made.outcome === "invalid" ? made : { outcome: "pins", pins: { ...pins, ...made.pins } },
  );
}

/** What is known for one who asks for nothing: it does not wait for a backend that could not be read the last time. */
function atHand(reading: Reading<Pins>): MaybePromise<Read<Pins>> {
  const found = reading.get();
  const { latest } = reading;
  return found instanceof Promise && latest?.outcome === "unreadable" ? latest : found;
}

function offerOf({ accepts, writes, onUnreadable }: PinSettings, read: Read<Pins>): Offer | undefined {
  if (read.outcome === "read") return { accepts, live: read.value };
  return onUnreadable === "trust-writes" ? { accepts, live: writes } : undefined;
}

function act<Request>(arriving: Arriving<Request>, judged: Judged, offer: Offer | undefined): MaybePromise<Verdict> {
  const { facts, steer, asked } = judged;
  const kind = requestKind(facts);
  const { steered, isSigned = false } = steer;
  const decision = decidePins({ kind, steered, isSigned, asked, required: arriving.required, offer });
  switch (decision.action) {
    case "serve":
      return serve(arriving, judged);
    case "follow":
      return follow(arriving, judged, kind);
    case "refuse":
      return refuse(arriving, judged, decision.code);
    case "seek":
      return seek(arriving, judged, decision.code, offer);
    // no default
  }
}

/** Serves what may be served here, unless this instance leaves, and it is not pinned to this revision. */
function serve<Request>(arriving: Arriving<Request>, judged: Judged): MaybePromise<Verdict> {
  const { context, facts } = arriving;
  const refuse = context.leaving();
  const isServed = refuse === undefined || judged.steer.steered === "here" || isPreflight(facts);
  return isServed ? handle(arriving, judged) : leave(arriving, judged, refuse);
}

function handle<Request>(
  { context, mount, facts, otherwise }: Arriving<Request>,
  judged: Judged,
): MaybePromise<Verdict> {
  const exchange = new Exchange(context.ground, judged);
  return after(mount.attempt(plain(context, facts), otherwise), (verdict) => dressed(exchange, verdict));
}

/**
 * Answers by what its key has already, a record or a run. What has none goes to an instance that stays and has what it asks for;
 * once: what was sent here by another one, or cannot be sent, is refused.
 */
function leave<Request>(arriving: Arriving<Request>, judged: Judged, refuse: Refuse): MaybePromise<Verdict> {
  const { context, mount, facts, otherwise } = arriving;
  const { ground, router } = context;
  return after(mount.attempt(plain(context, facts), NOTHING), (found) => {
    if (found !== NOTHING) return dressed(new Exchange(ground, judged), found);
    return after(router?.seekServing(judged.asked), (serving) => {
      const routed = (serving && router?.route(facts, serving.revision, serving.instances)) ?? NOT_ROUTED;
      if (serving !== undefined && routed.action !== "refuse") return send(arriving, judged, serving.revision, routed);
      if (otherwise !== undefined) return otherwise;
      // An empty stream must not pin its client to an instance that leaves.
      const exchange = new Exchange(ground, { ...judged, steer: { ...judged.steer, steered: "elsewhere" } });
      return dressed(exchange, refusal(context, facts, refuse));
    });
  });
}

/** A token in the query is new in each retry, and no part of what the request stands for. */
function plain<Request>({ router }: PinContext, facts: RequestFacts<Request>): RequestFacts<Request> {
  const target = router?.plainTarget(facts.target) ?? facts.target;
  return target === facts.target ? facts : { ...facts, target };
}

function dressed(exchange: Exchange, verdict: Verdict): Verdict {
  switch (verdict.action) {
    case "run":
      exchange.began(verdict.run.once);
      return { action: "run", run: verdict.run, pinned: exchange };
    case "pass":
      return { action: "pass", pinned: exchange };
    case "answer":
      return { action: "answer", answer: withLines(exchange, verdict.answer) };
    case "join":
      return { action: "join", answer: withLines(exchange, verdict.answer) };
    case "forward":
      return verdict;
    // no default
  }
}

/** An answer with the lines of this exchange in place of those it has under the same names. */
function withLines<Made extends { readonly status: number; readonly headers: readonly HeaderLine[] }>(
  exchange: Exchange,
  answer: Made,
): Made {
  const { status, headers } = answer;
  const lines = exchange.dress(status, (name) => headers.find((line) => line[0].toLowerCase() === name)?.[1]);
  const set = new Set(lines.map(([name]) => name.toLowerCase()));
  return { ...answer, headers: [...headers.filter(([name]) => !set.has(name.toLowerCase())), ...lines] };
}

type Seeking = "backend-behind" | "client-behind" | "pins-unreadable";

function seek<Request>(
  arriving: Arriving<Request>,
  judged: Judged,
  code: Seeking,
  offer: Offer | undefined,
): MaybePromise<Verdict> {
  const seeking = arriving.context.router?.seek(judged.asked) ?? NOBODY;
  return after(seeking, ({ sought, found }) => {
    const decision = decideSought(code, sought);
    if (decision.action === "route" && found !== undefined) {
      const routed = arriving.context.router?.route(arriving.facts, found.revision, found.instances) ?? NOT_ROUTED;
      return send(arriving, judged, found.revision, routed);
    }
    const refusal = decision.action === "refuse" ? decision.code : code;
    return refuse(arriving, judged, refusal, detailOf(refusal, judged.asked, offer));
  });
}

const NOBODY: { readonly sought: Sought; readonly found?: FoundRevision } = { sought: "none" };

/** What the caller needs to know to do better. */
function detailOf(code: PinProblemCode, asked: Pins, offer: Offer | undefined): ProblemDetail {
  const members = { asked, ...(offer === undefined ? {} : { live: offer.live, accepts: offer.accepts }) };
  if (code !== "client-behind") return { members, retryAfterSeconds: RETRY_AFTER_SECONDS };
  return { members: { ...members, action: "reload" } };
}

const RETRY_AFTER_SECONDS = 2;

/** A document whose revision cannot be reached is served here, like one whose revision is gone. */
function follow<Request>(arriving: Arriving<Request>, judged: Judged, kind: RequestKind): MaybePromise<Verdict> {
  const { context, facts } = arriving;
  const routed = context.router?.route(facts, judged.steer.revision ?? "") ?? NOT_ROUTED;
  return routed.action === "refuse" && kind === "document"
    ? serve(arriving, judged)
    : send(arriving, judged, judged.steer.revision ?? "", routed);
}

const NOT_ROUTED: Routed = { action: "refuse", code: "revision-unreachable" };

function send<Request>(
  arriving: Arriving<Request>,
  judged: Judged,
  revision: string,
  routed: Routed,
): MaybePromise<Verdict> {
  const { context } = arriving;
  switch (routed.action) {
    case "forward":
      context.emit({ type: "routed", revision, how: "forward" });
      return { ...routed, target: { ...routed.target, failed: failureTo(context, judged, routed.target) } };
    case "send":
      context.emit({ type: "routed", revision, how: routed.how });
      return { action: "answer", answer: withLines(new Exchange(context.ground, judged), routed.answer) };
    case "refuse":
      return refuse(arriving, judged, routed.code);
    // no default
  }
}

/** What went wrong on the way is told, and answered in the name of this revision. */
function failureTo(
  { ground, router, emit }: PinContext,
  judged: Judged,
  { revision, address }: ForwardTarget,
): NonNullable<ForwardTarget["failed"]> {
  return (problem, code, error) => {
    emit({ type: "forward-failed", revision, code, error });
    if (code === "revision-unreachable") router?.avoid(address);
    return withLines(new Exchange(ground, judged), problem);
  };
}

/** Refused for what they are, whatever has become of their key. */
const AT_ONCE: readonly PinProblemCode[] = ["pins-invalid", "pins-missing"];

/**
 * Refuses a request, unless its key has an answer already, or a run: a retry is told what became of the first try, whichever
 * revision it reaches. So what is refused has not been run.
 */
function refuse<Request>(
  { context, mount, facts, otherwise }: Arriving<Request>,
  judged: Judged,
  code: PinProblemCode,
  detail: ProblemDetail = RETRY_LATER.includes(code) ? { retryAfterSeconds: RETRY_AFTER_SECONDS } : {},
): MaybePromise<Verdict> {
  const exchange = new Exchange(context.ground, judged);
  const refusal: Verdict = { action: "answer", answer: pinProblemAnswer(code, detail) };
  const looked = AT_ONCE.includes(code) ? refusal : mount.attempt(plain(context, facts), refusal);
  return after(looked, (verdict) => {
    if (verdict === refusal) context.emit({ type: "refused", code });
    return verdict === refusal && otherwise !== undefined ? otherwise : dressed(exchange, verdict);
  });
}

/** What may have mended itself in a moment. */
const RETRY_LATER: readonly PinProblemCode[] = ["pins-unreadable", "revision-unknown", "revision-unreachable"];
