import type { IncomingMessage, RequestListener } from "node:http";
import { firstPieceOf } from "@onceover/test/first-piece";
import { until } from "@onceover/test/wait";
import { describe, expect, it } from "vitest";
import type { ForwardTarget } from "../../src/revisions.js";
import { asked, FAILED, forward, posted, problem, UNSENDABLE, untilStill, upstream } from "./forward-support.js";

describe("the body of a request", () => {
  async function whole(request: IncomingMessage): Promise<string> {
    let text = "";
    for await (const piece of request) text += piece;
    return text;
  }

  it("is passed on as it comes", async () => {
    const came: string[] = [];
    const { target } = await upstream((request, response) => {
      request.on("data", (piece) => came.push(String(piece)));
      request.on("end", () => response.end(came.join("")));
    });
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const answer = forward(asked("/", { method: "POST", body: readable, duplex: "half" }), target);
    for (const piece of ["one", "two"]) {
      await writer.write(new TextEncoder().encode(piece));
      await until(`${piece} is there`, () => came.at(-1) === piece);
    }
    await writer.close();
    expect(await (await answer).text()).toBe("onetwo");
  });

  it("keeps its length, where it was said", async () => {
    const { target, last } = await upstream(async (request, response) => void response.end(await whole(request)));
    const said = asked("/", { method: "POST", body: "12345", headers: { "Content-Length": "5" } });
    expect(await (await forward(said, target)).text()).toBe("12345");
    expect([last().headers["content-length"], last().headers["transfer-encoding"]]).toEqual(["5", undefined]);
    expect(await (await forward(posted("12345"), target)).text()).toBe("12345");
    expect([last().headers["content-length"], last().headers["transfer-encoding"]]).toEqual([undefined, "chunked"]);
  });

  it("is not read ahead of the target", async () => {
    const { target } = await upstream((request) => request.pause());
    const client = new AbortController();
    let pulledBytes = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        // As the body of a client that has gone: without it Node's fetch would read on and on.
        if (client.signal.aborted) return controller.error(client.signal.reason);
        pulledBytes += 65_536;
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    const init = { method: "POST", body: endless, duplex: "half", signal: client.signal } as const;
    const answer = forward(asked("/", init), target);
    await untilStill(() => pulledBytes);
    expect(pulledBytes).toBeLessThan(64_000_000);
    client.abort();
    expect((await answer).status).toBe(502);
  });

  it("of a GET, which fetch does not send, is refused and not left out; one that says it is empty goes without", async () => {
    const { target, heard } = await upstream();
    // As some runtimes make them.
    const withBody = (contentLength: string) => {
      const { body } = posted();
      const request = asked("/", { headers: { "Content-Length": contentLength } });
      return new Proxy(request, { get: (real, name) => (name === "body" ? body : Reflect.get(real, name, real)) });
    };
    expect(await problem(await forward(withBody("8"), target))).toEqual(UNSENDABLE);
    expect(heard).toEqual([]);
    expect((await forward(withBody("0"), target)).status).toBe(200);
  });

  it("that somebody has read, or is about to, is refused: nothing is sent", async () => {
    const { target, heard } = await upstream();
    const [read, locked] = [posted(), posted()];
    await read.text();
    locked.body?.getReader();
    expect(await problem(await forward(read, target))).toEqual(UNSENDABLE);
    expect(await problem(await forward(locked, target))).toEqual(UNSENDABLE);
    expect(heard).toEqual([]);
  });
});

describe("a client that leaves", () => {
  async function left(handler: RequestListener): Promise<{ target: ForwardTarget; isClosed: () => boolean }> {
    let isClosed = false;
    const { target } = await upstream((request, response) => {
      response.on("close", () => {
        isClosed = !response.writableFinished;
      });
      handler(request, response);
    });
    return { target, isClosed: () => isClosed };
  }

  it("before the answer ends the request at the target", async () => {
    const client = new AbortController();
    const { target, isClosed } = await left(() => client.abort());
    const answer = await forward(asked("/", { signal: client.signal }), target);
    expect(await problem(answer)).toEqual(FAILED);
    await until("the target is told", isClosed);
  });

  it("before the request was sent sends none", async () => {
    const { target, heard } = await upstream();
    await forward(asked("/", { signal: AbortSignal.abort() }), target);
    expect(heard).toEqual([]);
  });

  it.each(["aborts", "cancels the body"])(
    "in the middle of the answer, because it %s, ends it at the target",
    async (how) => {
      const client = new AbortController();
      const { target, isClosed } = await left((_, response) => void response.write("one"));
      const answer = await forward(asked("/", { signal: client.signal }), target);
      expect(await firstPieceOf(answer.body)).toBe("one");
      if (how === "aborts") client.abort();
      else await answer.body?.cancel();
      await until("the target is told", isClosed);
    },
  );
});
