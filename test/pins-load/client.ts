import { setTimeout as sleep } from "node:timers/promises";
import { type Caller, type CallerGround, type CallerSelf, createCaller, schemaOf } from "./caller.js";
import { order } from "./ordering.js";
import { followTokens } from "./token-client.js";

/** What clients have in common. */
export interface ClientGround extends CallerGround {
  /** The longest time between two deeds of a client, in milliseconds. */
  readonly thinkMs: number;
  /** After this nothing new is begun. */
  isOver(): boolean;
}

/** The more likely the more often it stands here. */
const DEEDS = [search, search, search, search, order, order, order, order, stream] as const;

/** Lives a client: searches, orders and follows streams until it is over; settles when its last deed is done. */
export async function live({ thinkMs, isOver, ...ground }: ClientGround, self: CallerSelf): Promise<void> {
  const caller = createCaller(ground, self);
  const { random } = ground;
  await sleep(random.between(0, thinkMs));
  while (!isOver()) {
    await random.pick(DEEDS)(caller);
    await sleep(random.between(0, thinkMs));
  }
}

async function search(caller: Caller): Promise<void> {
  const answer = await caller.search(caller.asks());
  if (answer?.status === 412) await caller.reload();
}

async function stream({ agent, random, seen, asks, outgoing, refused, reload }: Caller): Promise<void> {
  const asked = asks();
  const followed = await followTokens({
    agent,
    leaves: random.chance(0.6),
    // Whoever takes a stream up again asks for its revision, by the pin it was given; its index is the stream's own affair.
    outgoing: (path, resuming) => outgoing("GET", path, resuming === undefined ? asked : schemaOf(asked), resuming),
  });
  seen.streams.push({ asked, ...followed.stream });
  for (const answer of followed.refusals) refused(answer);
  if (followed.stream.end === "refused") await reload();
}
