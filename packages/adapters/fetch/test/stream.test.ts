import { afterEach, describe, expect, it, vi } from "vitest";
import { code, mounted, opened, post, slowStore, streamOf, told } from "./mounted.js";

afterEach(() => {
  vi.useRealTimers();
});

describe("waitUntil", () => {
  function context() {
    const kept: Promise<unknown>[] = [];
    return { kept, waitUntil: (promise: Promise<unknown>) => void kept.push(promise) };
  }

  it("is called on the last argument that has it, and holds until a stream is recorded, its client gone or not", async () => {
    const body = opened();
    const { fetch, events } = mounted((_request: Request, _env: object, _ctx: object) => new Response(body.readable));
    const ctx = context();
    let isOver = false;
    const response = await fetch(post(), {}, ctx);
    void ctx.kept[0]?.then(() => {
      isOver = true;
    });
    await response.body?.cancel();
    await body.send("paid");
    expect([ctx.kept.length, isOver]).toEqual([1, false]);
    await body.close();
    await ctx.kept[0];
    expect(events.at(-1)).toMatchObject({ type: "recorded", status: 200 });
  });

  it("holds until the tombstone of a cut answer is stored", async () => {
    const { fetch, events } = mounted((_request: Request, _ctx: object) => new Response(streamOf("text")));
    const ctx = context();
    const response = await fetch(post(), ctx);
    await expect(response.text()).rejects.toThrow();
    await ctx.kept[0];
    expect(events.at(-1)).toMatchObject({ type: "recorded", tombstone: "cut" });
  });

  it("is held from the claim on, and left alone for a request without a key", async () => {
    const { fetch } = mounted((_request: Request, _ctx: object) => new Response("ran"));
    const ctx = context();
    await fetch(post({ headers: {} }), ctx);
    expect(ctx.kept).toHaveLength(0);
    const answering = fetch(post(), ctx);
    expect(ctx.kept).toHaveLength(1);
    await answering;
    await ctx.kept[0];
  });
});

describe("a streamed answer", () => {
  it.each([
    ["its end", {}, ["one ", "two"]],
    ["the byte that completes its declared length", { "Content-Length": "7" }, ["one "]],
  ])("sends each chunk as it comes, and %s when it is recorded", async (_what, headers, expected) => {
    const [body, slow] = [opened(), slowStore()];
    const { fetch } = mounted(() => new Response(body.readable, { headers }), {}, slow.store);
    const reader = (await fetch(post())).body?.pipeThrough(new TextDecoderStream()).getReader();
    const came: (string | undefined)[] = [];
    const read = async () => came.push((await reader?.read())?.value);
    const reading = read().then(read).then(read);
    for (const text of ["one ", "two"]) await body.send(text);
    await body.close();
    await slow.reached;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(came).toEqual(expected);
    slow.release();
    await reading;
    expect(came).toEqual(["one ", "two", undefined]);
  });

  it("is pulled at the client's pace, whatever is read ahead", async () => {
    let pulled = 0;
    const source = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 1;
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    const { fetch } = mounted(() => new Response(source));
    const reader = (await fetch(post())).body?.getReader();
    for (let read = 0; read < 10; read += 1) await reader?.read();
    expect(pulled).toBeLessThanOrEqual(13);
  });

  it("is recorded as it was, though the client takes its bytes away", async () => {
    const body = opened();
    const { fetch } = mounted(() => new Response(body.readable));
    const response = await fetch(post());
    const reader = response.body?.getReader();
    void body.send("paid").then(body.close);
    const { value } = (await reader?.read()) ?? {};
    structuredClone(value, { transfer: value === undefined ? [] : [value.buffer] });
    expect((await reader?.read())?.done).toBe(true);
    expect(await (await fetch(post())).text()).toBe("paid");
  });

  it("goes on into the record when its client is said to be gone, though nobody cancels it", async () => {
    const [body, client] = [opened(), new AbortController()];
    const { fetch, events } = mounted(() => new Response(body.readable));
    await fetch(post({ signal: client.signal }));
    client.abort();
    await body.send("paid");
    await body.close();
    await told(events, "recorded");
    expect(await (await fetch(post())).text()).toBe("paid");
  });

  it("whose source breaks after its client has gone leaves a tombstone", async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const { fetch, events } = mounted(() => new Response(readable));
    await (await fetch(post())).body?.cancel();
    await writable.abort(new Error("the source broke"));
    await told(events, "recorded");
    expect(await code(await fetch(post()))).toBe("answer-not-kept");
  });
});

describe("a client that has gone", () => {
  const QUARTER_MS = 15 * 60_000;

  it("keeps a stream without an end from holding its key for more than a quarter of an hour", async () => {
    let cancelled = false;
    const source = new ReadableStream<Uint8Array>({
      cancel() {
        cancelled = true;
      },
    });
    const { fetch, events } = mounted(() => new Response(source));
    const response = await fetch(post());
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    await response.body?.cancel();
    await vi.advanceTimersByTimeAsync(QUARTER_MS - 1);
    expect([cancelled, events.at(-1)?.type]).toEqual([false, "run"]);
    await vi.advanceTimersByTimeAsync(1);
    expect([cancelled, events.at(-1)]).toEqual([true, expect.objectContaining({ tombstone: "cut" })]);
  });

  it.each([
    ["at once", 0],
    ["after a while", 5000],
  ])(
    "keeps a handler that never answers a client that left %s from holding its key for ever",
    async (_, leftAfterMs) => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      const client = new AbortController();
      const { fetch, events } = mounted(() => new Promise<Response>(() => {}));
      void fetch(post({ signal: client.signal }));
      while (events.at(-1)?.type !== "run") await new Promise((resolve) => setImmediate(resolve));
      await vi.advanceTimersByTimeAsync(leftAfterMs);
      client.abort();
      await vi.advanceTimersByTimeAsync(QUARTER_MS - 1);
      expect(events.at(-1)?.type).toBe("run");
      // Who left in the first second is noticed at its end.
      await vi.advanceTimersByTimeAsync(1001);
      expect(events.at(-1)?.type).toBe("answer-lost");
    },
  );
});
