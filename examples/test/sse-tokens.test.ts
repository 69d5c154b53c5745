import { createServer } from "node:http";
import { type Listening, listen } from "@onceover/test/listen";
import { afterEach, beforeEach, expect, test } from "vitest";
import { serveTokens } from "../sse-tokens.js";
import { ALPACA, postTo, testAsClient } from "./client.js";

const WORDS = ["Once", "upon", "a", "time"];
const EVENTS = `${WORDS.map((word, index) => `id: ${index + 1}\ndata: "${word}"\n\n`).join("")}event: done\ndata:\n\n`;
const PROMPT = { prompt: "Tell me a story." };
const SLOW = { prompt: "Think about it." };

let served: Listening;
let prompts: string[];
let thought: Promise<void>;
let goOn: () => void;

/** Begins the story at once; asked to think about it, it stops for a thought after two words. */
async function* story(prompt: string): AsyncIterable<string> {
  prompts.push(prompt);
  for (const word of WORDS) {
    yield word;
    if (prompt === SLOW.prompt && word === "upon") await thought;
  }
}

beforeEach(async () => {
  prompts = [];
  thought = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  served = await listen(createServer(serveTokens(story)));
});
afterEach(async () => {
  goOn();
  await served.close();
});

const send = postTo(() => `${served.url}/completions`);
testAsClient(send, 200, PROMPT, { prompt: "Tell me another one." });

function keyed(key: string, more: Readonly<Record<string, string>> = {}) {
  return { ...ALPACA, "Idempotency-Key": key, ...more };
}

/** Reads events as they come, up to the one with this id or to the end, and gives all that came so far. */
function reader(answer: Response) {
  const chunks = (answer.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return async (lastId?: number): Promise<string> => {
    while (lastId === undefined || !text.includes(`id: ${lastId}\n`)) {
      const { done, value } = await chunks.read();
      if (done) break;
      text += value;
    }
    return text;
  };
}

test("a token leaves while the model thinks about the next one", async () => {
  const read = reader(await send(keyed("first"), SLOW));
  expect(await read(2)).toBe(EVENTS.slice(0, EVENTS.indexOf("id: 3")));
  goOn();
  expect(await read()).toBe(EVENTS);
});

test("a duplicate joins the stream that runs: it gets what was said, then what comes, and the model is asked once", async () => {
  const first = reader(await send(keyed("joined"), SLOW));
  await first(2);
  const answer = await send(keyed("joined"), SLOW);
  const joined = reader(answer);
  expect(answer.headers.get("Idempotency-Replayed")).toBe("true");
  expect(await joined(2)).toBe(EVENTS.slice(0, EVENTS.indexOf("id: 3")));
  goOn();
  expect([await first(), await joined()]).toEqual([EVENTS, EVENTS]);
  expect(prompts).toEqual([SLOW.prompt]);
});

test.each(["running", "recorded"])(
  "a client that comes back with Last-Event-ID to a %s stream gets the events it has missed",
  async (state) => {
    const hangUp = new AbortController();
    const headers = { ...keyed("resumed"), "Content-Type": "application/json" };
    const url = `${served.url}/completions`;
    const body = JSON.stringify(SLOW);
    await reader(await fetch(url, { method: "POST", headers, body, signal: hangUp.signal }))(2);
    hangUp.abort();
    if (state === "recorded") {
      goOn();
      expect(await (await send(keyed("resumed"), SLOW)).text()).toBe(EVENTS);
    }
    const answer = await send(keyed("resumed", { "Last-Event-ID": "2" }), SLOW);
    goOn();
    expect(await answer.text()).toBe(EVENTS.slice(EVENTS.indexOf("id: 3")));
    expect(prompts).toEqual([SLOW.prompt]);
  },
);

test("another caller's Last-Event-ID resumes nothing", async () => {
  await (await send(keyed("mine"), PROMPT)).text();
  const theirs = await send({ ...keyed("mine", { "Last-Event-ID": "2" }), Authorization: "Bearer bison" }, PROMPT);
  expect(await theirs.text()).toBe(EVENTS);
  expect(prompts).toHaveLength(2);
});
