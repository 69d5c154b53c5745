import { expect, it } from "vitest";
import { mounted, opened, post } from "./mounted.js";

/** A request whose client's signal says who listens on it. */
function watched() {
  const request = post({ signal: new AbortController().signal });
  const { signal } = request;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  const listening = new Set<unknown>();
  let added = 0;
  Object.assign(signal, {
    addEventListener(...given: Parameters<typeof add>) {
      added += 1;
      listening.add(given[1]);
      add(...given);
    },
    removeEventListener(...given: Parameters<typeof remove>) {
      listening.delete(given[1]);
      remove(...given);
    },
  });
  Object.defineProperty(request, "signal", { value: signal });
  return { request, listening, added: () => added };
}

function streamed(): Response {
  const body = opened();
  void Promise.all([body.send("a"), new Promise((resolve) => setTimeout(resolve, 20))]).then(body.close);
  return new Response(body.readable);
}

function thrown(): Response {
  throw new Error("no such account");
}

it("nothing listens on the client's signal when the answer is out: sent at once, streamed, thrown or replayed", async () => {
  for (const handler of [() => Response.json(1), streamed, thrown]) {
    const { fetch } = mounted(handler);
    for (const attempt of ["first", "retry"]) {
      const { request, listening, added } = watched();
      await (await fetch(request)).text();
      expect(listening.size).toBe(0);
      // Only what takes time has to know when its client leaves.
      expect(added() > 0).toBe(attempt === "first" && handler === streamed);
    }
  }
});
