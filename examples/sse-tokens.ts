import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { createOnceover, memoryStore } from "@onceover/core";
import { onceover } from "@onceover/express";
import express, { type Express, type Request } from "express";

/** What a prompt makes a model say, token by token. */
export type Model = (prompt: string) => AsyncIterable<string>;

/**
 * Serves a model's tokens as server-sent events. The model is asked once, however often the stream breaks: whoever comes
 * back gets the same tokens, those to come included, or with `Last-Event-ID` the ones that were missed.
 */
export function serveTokens(model: Model): Express {
  const scope = (request: Request) => request.get("Authorization");
  const once = createOnceover({ service: "completions", revision: "r1", store: memoryStore(), scope });

  const app = express();
  app.use(onceover(once, { required: true, resumeEvents: true }), express.json());
  app.post("/completions", async (request, response) => {
    response.type("text/event-stream");
    await pipeline(events(model(request.body.prompt)), response);
  });
  return app;
}

async function* events(tokens: AsyncIterable<string>): AsyncIterable<string> {
  let id = 0;
  for await (const token of tokens) yield `id: ${++id}\ndata: ${JSON.stringify(token)}\n\n`;
  yield "event: done\ndata:\n\n";
}

/** Stands for a model: says the prompt again, slowly. */
async function* parrot(prompt: string): AsyncIterable<string> {
  for (const word of prompt.split(" ")) {
    await sleep(300);
    yield word;
  }
}

if (import.meta.filename === process.argv[1]) {
  serveTokens(parrot).listen(3000, () => console.log("http://localhost:3000/completions"));
}
