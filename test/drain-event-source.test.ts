/** undici's `EventSource`, which Node has, too: behind it stands a pool that keeps connections open. */
import { describeHandOff, type EventClient } from "@onceover/test/describe-hand-off";
import { type Watch, watchEvents } from "@onceover/test/watch-events";
import { Agent, EventSource, request } from "undici";

async function openClient(): Promise<EventClient> {
  const dispatcher = new Agent();
  const watches: Watch[] = [];
  return {
    async open(url, sources) {
      for (const source of sources)
        watches.push(watchEvents(new EventSource(`${url}/events?source=${source}`, { node: { dispatcher } })));
    },
    seen: async () => watches.map((watch) => watch.seen()),
    async openTokens(url, count) {
      const { body } = await request(`${url}/tokens?count=${count}`, { dispatcher });
      return { text: body.text() };
    },
    async close() {
      for (const watch of watches) watch.close();
      await dispatcher.destroy();
    },
  };
}

describeHandOff("an EventSource of undici", { openClient, sources: ["s1", "s2", "s3", "s4", "s5"] });
