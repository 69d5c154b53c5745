import { createOnceover, type Onceover } from "@onceover/core";
import { redisStore } from "@onceover/redis";
import { Redis } from "ioredis";
import type { Tally } from "../protocol.js";

/** The contender itself, for the adapter of any framework. */
export async function ours<Request>(redisUrl: string, tally: Tally): Promise<Onceover<Request>> {
  const once = createOnceover<Request>({
    service: "bench",
    revision: "r1",
    store: redisStore({ client: new Redis(redisUrl) }),
    scope: () => "one-tenant",
    on(event) {
      if (event.type === "replayed") tally.replays[event.from] += 1;
    },
  });
  await once.ready();
  return once;
}
