import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundle, bundleSuites, suiteFiles } from "./bundle.js";
import type { Outcome } from "./run-suites.js";
import { postAndReset, type RunningWorker, startWorker } from "./workerd.js";

const WORKER = readFileSync(new URL("worker.ts", import.meta.url), "utf8");
const files = suiteFiles();
const outcomes = await outcomesInWorkerd();

async function outcomesInWorkerd(): Promise<Outcome[]> {
  const script = await bundleSuites(files);
  const worker = await startWorker(`${script}
    export default { fetch: async () => Response.json(await suites.run()) };`);
  const answer = await fetch(worker.url);
  const found = (await answer.json()) as Outcome[];
  await worker.stop();
  return found;
}

describe.each(files)("in workerd, %s", (file) => {
  for (const { name, failure } of outcomes.filter((outcome) => outcome.file === file)) {
    it(name, () => {
      if (failure !== undefined) throw new Error(failure);
    });
  }
});

let worker: RunningWorker;
let keys = 0;

beforeAll(async () => {
  worker = await startWorker(await bundle(WORKER));
});
afterAll(() => worker.stop());

const newKey = () => `key-${++keys}`;
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

function post(path: string, key: string, body = "amount=1"): Promise<Response> {
  return fetch(worker.url + path, { method: "POST", headers: { "Idempotency-Key": key }, body });
}

/** What a client is told, in short. */
async function told(answer: Promise<Response>): Promise<{ status: number; text: string; replayed: boolean }> {
  const { status, headers, ...rest } = await answer.then(async (response) => ({
    status: response.status,
    headers: response.headers,
    text: await response.text(),
  }));
  return { status, ...rest, replayed: headers.get("idempotency-replayed") === "true" };
}

async function code(answer: Promise<Response>): Promise<unknown> {
  const { text } = await told(answer);
  return JSON.parse(text).code;
}

/** An answer, piece by piece. */
function read({ body }: Response): { next(): Promise<string | undefined>; rest(): Promise<string> } {
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
  const next = async () => (await reader?.read())?.value;
  return {
    next,
    async rest() {
      let text = "";
      for (let piece = await next(); piece !== undefined; piece = await next()) text += piece;
      return text;
    },
  };
}

async function release(key: string): Promise<void> {
  await fetch(`${worker.url}/release`, { headers: { "X-Key": key } });
}

async function begun(key: string): Promise<number> {
  return (await fetch(`${worker.url}/begun`, { headers: { "X-Key": key } })).json() as Promise<number>;
}

async function untilBegun(key: string): Promise<void> {
  await expect.poll(() => begun(key), { timeout: 10_000 }).toBe(1);
}

describe.concurrent.each(["/fetch", "/hono"])("a Worker of module-level instances, %s", (path) => {
  it("runs once, replays, and refuses another payload", async () => {
    const key = newKey();
    const first = await told(post(path, key));
    expect(first).toMatchObject({ status: 201, replayed: false });
    expect(await told(post(path, key))).toEqual({ ...first, replayed: true });
    expect(await code(post(path, key, "amount=2"))).toBe("key-reused");
    expect(await begun(key)).toBe(1);
  });

  it("answers several at once by one run: what one request waits for, another one settles", async () => {
    const key = newKey();
    const answers = await Promise.all([1, 2, 3].map(() => told(post(`${path}?ms=300`, key))));
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers.map(({ replayed }) => replayed).sort()).toEqual([false, true, true]);
    expect(await begun(key)).toBe(1);
  });

  it("sends the first piece of a stream while the handler is at work, and replays all of it", async () => {
    const key = newKey();
    const answer = read(await post(`${path}?held`, key));
    expect(await answer.next()).toBe("one ");
    await release(key);
    expect(await answer.rest()).toBe("two three");
    expect(await told(post(`${path}?held`, key))).toMatchObject({ text: "one two three", replayed: true });
  });

  it("lets a duplicate join a stream: what was sent, then what comes, also when the first client resets", async () => {
    const key = newKey();
    let leave = () => {};
    const joined = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const gone = postAndReset(`${worker.url}${path}?held`, key, joined);
    await untilBegun(key);
    const [one, other] = [read(await post(`${path}?held`, key)), read(await post(`${path}?held`, key))];
    expect([await one.next(), await other.next()]).toEqual(["one ", "one "]);
    leave();
    await gone;
    await release(key);
    expect([await one.rest(), await other.rest()]).toEqual(["two three", "two three"]);
    expect(await begun(key)).toBe(1);
  });

  it("records a handler's throw", async () => {
    const key = newKey();
    expect((await post(`${path}?throws`, key)).status).toBe(500);
    expect(await told(post(`${path}?throws`, key))).toMatchObject({ status: 500, replayed: true });
    expect(await begun(key)).toBe(1);
  });

  it("goes on for a client that resets its connection, by ctx.waitUntil, and its record stands", async () => {
    const key = newKey();
    await postAndReset(`${worker.url}${path}?ms=400`, key, untilBegun(key));
    expect(await told(post(`${path}?ms=400`, key))).toMatchObject({ status: 201, replayed: true });
    expect(await begun(key)).toBe(1);
  });

  it("lets a duplicate that resets its connection take no other duplicate with it", async () => {
    const key = newKey();
    const first = told(post(`${path}?ms=1200`, key));
    await untilBegun(key);
    const gone = postAndReset(`${worker.url}${path}?ms=1200`, key, pause(300));
    await pause(100);
    const second = told(post(`${path}?ms=1200`, key));
    await gone;
    expect(await second).toEqual({ ...(await first), replayed: true });
  });
});

describe.concurrent("a Worker", () => {
  it('answers 409 to a duplicate at once with inFlight: "reject"', async () => {
    const key = newKey();
    const first = told(post("/reject?ms=600", key));
    await untilBegun(key);
    const refused = await post("/reject?ms=600", key);
    expect([refused.status, Number(refused.headers.get("retry-after")) > 0]).toEqual([409, true]);
    expect(await first).toMatchObject({ status: 201, replayed: false });
  });

  it("whose first client resets while its store is being examined serves all others", async () => {
    await postAndReset(`${worker.url}/distant`, newKey(), pause(150));
    expect(await told(post("/distant", newKey()))).toMatchObject({ status: 201 });
  });

  it("whose client resets while its key is being claimed says so of that key, once the lease is over", async () => {
    const key = newKey();
    await told(post("/another", newKey()));
    await postAndReset(`${worker.url}/another`, key, pause(150));
    // Whether the claim was made is for the store to say; that nobody holds it is what counts.
    const settled = async () => JSON.parse((await told(post("/another", key))).text).code ?? "ran";
    await expect.poll(settled, { timeout: 25_000, interval: 200 }).toMatch(/^(?:outcome-unknown|ran)$/);
  });

  it("that is not given its ctx loses a run whose client resets, and says so once the lease is over: nothing runs twice", async () => {
    const key = newKey();
    await postAndReset(`${worker.url}/without-ctx?ms=2000`, key, untilBegun(key));
    const settled = () => code(post("/without-ctx?ms=2000", key));
    await expect.poll(settled, { timeout: 25_000, interval: 200 }).toBe("outcome-unknown");
    expect(await begun(key)).toBe(1);
  });
});
