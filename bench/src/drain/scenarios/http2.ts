/** What becomes of a session of HTTP/2 that is open when SIGTERM comes. */

import { sleep, until } from "@onceover/test/wait";
import {
  type Goaway,
  type H2Client,
  type H2Stream,
  MOST_STREAM_ID,
  openH2,
  REFUSED_STREAM,
  WAY_MS,
} from "../h2-client.js";
import { type Outcome, type Scenario, times, USUAL } from "../scenario.js";

const REQUEST_EVERY_MS = 10;
const MOST_REQUESTS = 400;

export const http2Session: Scenario = {
  ...USUAL,
  title: "HTTP/2 session",
  measures: ({ posts }) =>
    `${posts} POSTs of 1 s in flight at SIGTERM on one session, then a GET each ${REQUEST_EVERY_MS} ms, ${MOST_REQUESTS} at the most, until the client, which knows of everything ${WAY_MS} ms late, has heard of a GOAWAY: how many were answered. Refused safely: REFUSED_STREAM, an answer 503, or an id beyond the last GOAWAY's, and how long the first of them had waited when it was told that. In doubt: neither an answer nor a refusal. GOAWAY: the last stream ids they named.`,
  protocol: "http2",
  async run(site, { posts }) {
    const client = await openH2(site.port, site.heard);
    for (const id of times(posts, String)) client.request("POST", `/slow?id=${id}`, id);
    await until("all POSTs are in flight", () => site.executed().size === posts);
    site.leave();
    await sendOn(client);
    await site.ended;
    await until("the client knows of the end", () => client.isOver());
    return outcomeOf(client, site.executed(), posts);
  },
};

async function sendOn(client: H2Client): Promise<void> {
  for (let at = 0; at < MOST_REQUESTS && !client.isOver() && client.goaways.length === 0; at++) {
    client.request("GET", `/quick?id=after-${at}`, `after-${at}`);
    await sleep(REQUEST_EVERY_MS);
  }
}

function outcomeOf({ streams, goaways }: H2Client, executed: ReadonlyMap<string, number>, posts: number): Outcome {
  const lastStreamId = goaways.at(-1)?.lastStreamId ?? MOST_STREAM_ID;
  const answered = streams.filter(({ isWhole, status }) => isWhole && status === "200");
  const rest = streams.filter((stream) => !answered.includes(stream));
  const unanswered = rest.filter(({ id }) => executed.has(id)).length;
  const refused = rest.filter((stream) => !executed.has(stream.id) && isRefused(stream, lastStreamId));
  const inDoubt = rest.length - unanswered - refused.length;
  const text = [
    `${answered.length} of ${streams.length}`,
    `${refused.length} refused safely${knownText(refused, goaways)}`,
    `${unanswered} executed unanswered`,
    `${inDoubt} in doubt`,
    `GOAWAY ${goaways.length === 0 ? "none" : goaways.map(idText).join(" then ")}`,
  ].join(", ");
  return { text, misses: missesOf(unanswered + inDoubt, goaways, streams.slice(0, posts)) };
}

function isRefused({ resetCode, isWhole, streamId }: H2Stream, lastStreamId: number): boolean {
  return resetCode === REFUSED_STREAM || isWhole || streamId > lastStreamId;
}

/** Those that were refused by an id hear of it from the first GOAWAY that names a lower one. */
function knownText(refused: readonly H2Stream[], goaways: readonly Goaway[]): string {
  const waitedMs = refused.flatMap(({ streamId, sentMs, resetCode, isWhole }) => {
    const told = goaways.find(({ lastStreamId }) => lastStreamId < streamId);
    return told === undefined || isWhole || resetCode !== undefined ? [] : [told.atMs - sentMs];
  });
  return waitedMs.length === 0 ? "" : ` (told within ${(Math.max(...waitedMs) / 1000).toFixed(1)} s)`;
}

function missesOf(bad: number, goaways: readonly Goaway[], posts: readonly H2Stream[]): string[] {
  // The end of a session repeats the last one.
  const [first, second, ...more] = [...new Set(goaways.map(({ lastStreamId }) => lastStreamId))];
  const inTwoSteps = first === MOST_STREAM_ID && second !== undefined && more.length === 0;
  return [
    ...(bad === 0 ? [] : [`${bad} requests were executed or may have been, and not answered`]),
    ...(posts.every(({ isWhole, status }) => isWhole && status === "200") ? [] : ["a POST in flight was not answered"]),
    ...(inTwoSteps ? [] : [`GOAWAY came with ${goaways.map(idText).join(" then ") || "nothing"}, not in two steps`]),
  ];
}

function idText({ lastStreamId }: Goaway): string {
  return lastStreamId === MOST_STREAM_ID ? "2³¹−1" : String(lastStreamId);
}
