import { createOnceover, memoryStore, SHARED_SCOPE } from "@onceover/core";
import { type PinReader, pins } from "@onceover/core/pins";
import { onceover } from "@onceover/express";
import express, { type Express, type Request } from "express";

/** An index that can be asked. */
export interface SearchIndex {
  search(question: string): Promise<readonly string[]>;
}

/** Two builds of an index side by side; what `read` reads says which one is in use, and can change at any moment. */
export function searchService(builds: ReadonlyMap<string, SearchIndex>, read: PinReader): Express {
  const once = createOnceover<Request>({
    service: "search",
    revision: "r42",
    store: memoryStore(),
    scope: SHARED_SCOPE,
    pins: pins({ accepts: { indexHash: [...builds.keys()] }, read }),
  });
  const app = express();
  app.get("/search", onceover(once), async (request, response) => {
    const build = builds.get(request.pinned?.live.indexHash ?? "");
    if (build === undefined) return void response.sendStatus(503);
    response.json(await build.search(String(request.query.question)));
  });
  return app;
}
