import type { Once } from "@onceover/core";
import { describe, expect, it } from "vitest";
import { handOn, type OnceoverRequest, TakenBody, withOnceover } from "../src/index.js";
import { code, mounted, opened, post, streamOf, taken, told } from "./mounted.js";

describe("a request without a key", () => {
  it("reaches the handler as the very same object, with everything behind it, and so does its answer", async () => {
    const seen: unknown[] = [];
    const answer = new Response("hello");
    const { fetch } = mounted((request: OnceoverRequest, env: { db: string }, ctx: object) => {
      seen.push(request, env, ctx, request.once);
      return answer;
    });
    const [request, env, ctx] = [new Request("https://pay.example/"), { db: "d" }, {}];
    expect(await fetch(request, env, ctx)).toBe(answer);
    expect(seen).toEqual([request, env, ctx, undefined]);
    expect(seen[0]).toBe(request);
  });

  it("rejects with what its handler throws", async () => {
    const error = new Error("no such account");
    const { fetch } = mounted(() => {
      throw error;
    });
    await expect(fetch(post({ headers: {} }))).rejects.toBe(error);
  });
});

describe("the request of a run", () => {
  it("is a Request that fetch takes, with its body, its headers and the run", async () => {
    const { fetch } = mounted(async (request: OnceoverRequest) => {
      const upstream = new Request(request, { headers: { "X-Effect": request.once?.effectKey("charge") ?? "" } });
      return Response.json([request.url, request.headers.get("idempotency-key"), await upstream.text()]);
    });
    const url = "https://pay.example/charges?to=bob";
    expect(await (await fetch(post())).json()).toEqual([url, "k", "amount=1"]);
  });

  it("gives a JSON body of its own to whoever asks for it: what one changes in it, the next does not find", async () => {
    const { fetch } = mounted(async (request: OnceoverRequest) => {
      const [first, again] = [(await request.json()) as { cents: number }, await request.json()];
      first.cents = 2;
      return Response.json([again, JSON.parse(await request.text())]);
    });
    const send = () =>
      fetch(post({ headers: { "Idempotency-Key": "k", "Content-Type": "application/json" }, body: '{"cents":1}' }));
    expect(await (await send()).json()).toEqual([{ cents: 1 }, { cents: 1 }]);
    expect((await send()).headers.get("idempotency-replayed")).toBe("true");
  });

  it("has an empty body where an empty one came: on Deno that is every POST without one", async () => {
    const { fetch } = mounted(async (request: OnceoverRequest) => new Response(`[${await request.text()}]`));
    expect(await (await fetch(post({ body: "" }))).text()).toBe("[]");
  });

  it("has a signal that a client who hangs up does not abort", async () => {
    const client = new AbortController();
    const { fetch } = mounted((request: OnceoverRequest) => {
      client.abort();
      return Response.json(request.signal.aborted);
    });
    expect(await (await fetch(post({ signal: client.signal }))).json()).toBe(false);
  });

  it("has what the platform's own kind of request has beside the standard members", async () => {
    class PlatformRequest extends Request {
      get nextUrl() {
        return new URL(this.url);
      }
    }
    const { fetch } = mounted(async (request: OnceoverRequest<PlatformRequest>) =>
      Response.json([request.nextUrl.pathname, await request.text()]),
    );
    expect(await (await fetch(new PlatformRequest(post()))).json()).toEqual(["/charges", "amount=1"]);
  });

  it.each(["request", "off"] as const)(
    "fingerprint %s: still streams, or gives again, a body without a length",
    async (fingerprint) => {
      const { fetch } = mounted(async (request: OnceoverRequest) => new Response(await request.text()), {
        fingerprint,
      });
      const body = opened();
      const answering = fetch(post({ body: body.readable, duplex: "half" }));
      await body.send("one ");
      await body.send("two");
      await body.close();
      expect(await (await answering).text()).toBe("one two");
    },
  );

  it("is refused where its body was read before, unless nothing of it is compared", async () => {
    const used = async () => {
      const request = post();
      await request.text();
      return request;
    };
    const refusing = mounted(() => new Response("ran"));
    expect(await code(await refusing.fetch(await used()))).toBe("body-consumed");
    const comparing = mounted(() => new Response("ran"), { fingerprint: "off" });
    expect(await (await comparing.fetch(await used())).text()).toBe("ran");
  });

  it("a length that is lower than the body does not get past maxBodyBytes", async () => {
    const { fetch } = mounted(() => new Response("ran"), { maxBodyBytes: 4 });
    const headers = { "Idempotency-Key": "k", "Content-Length": "1" };
    expect(await code(await fetch(post({ headers })))).toBe("body-too-large");
  });

  it("says how long its body is, where whoever read it before has kept it in another form", async () => {
    const request = post({ headers: { "Content-Length": "12" } });
    await request.text();
    const body = new TakenBody(request, async () => ({
      outcome: "bytes",
      bytes: new TextEncoder().encode("amount=1"),
    }));
    await body.read(100);
    expect(handOn(request, body, {} as Once).headers.get("content-length")).toBe("8");
  });

  it("belongs to the outermost mount it passes", async () => {
    const { once } = mounted(() => new Response());
    const inner = withOnceover(once, (request: OnceoverRequest) => Response.json(request.once?.attempt));
    const outer = withOnceover(once, (request: OnceoverRequest) => inner(request));
    expect(await (await outer(post())).json()).toBe(1);
  });
});

describe("a handler that gives no answer", () => {
  it.each([
    ["throws", () => Promise.reject(new Error("no such account"))],
    ["answers Response.error()", () => Response.error()],
    ["answers nothing", () => undefined as unknown as Response],
    [
      "answers a body that was read",
      async () => {
        const response = new Response("read");
        await response.text();
        return response;
      },
    ],
  ])("%s: 500 handler-failed, told to the listeners, recorded and replayed", async (_how, handler) => {
    const { fetch, events } = mounted(handler);
    const first = await fetch(post());
    expect([first.status, await code(first)]).toEqual([500, "handler-failed"]);
    expect(events.map(({ type }) => type)).toEqual(["verified", "run", "handler-failed", "recorded"]);
    const again = await fetch(post());
    expect([await code(again), again.headers.get("idempotency-replayed")]).toEqual(["handler-failed", "true"]);
  });

  it.each([
    ["no bytes", () => "text"],
    ["bytes that were taken away", () => taken(new Uint8Array(4))],
  ])("streams %s: cut off, and a tombstone", async (_what, chunk) => {
    const { fetch, events } = mounted(() => new Response(streamOf(chunk())));
    await expect((await fetch(post())).text()).rejects.toThrow("the answer was cut off");
    await told(events, "recorded");
    expect(await code(await fetch(post()))).toBe("answer-not-kept");
  });
});
