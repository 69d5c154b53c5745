import { createServer } from "node:http";
import { createOnceover, memoryStore } from "@onceover/core";
import { onceover } from "@onceover/express";
import { drainable } from "@onceover/node";
import express from "express";

const scope = (request: express.Request) => request.get("Authorization");
const once = createOnceover({ service: "payments", revision: "r1", store: memoryStore(), scope });

const app = express();
const server = createServer(app);
const drain = drainable(server, once, {
  isEndless: ({ url }) => url === "/news",
  onClosed: (report) => console.log(JSON.stringify(report)),
});
app.use(drain.endpoints);
app.post("/payments", onceover(once, { required: true }), express.json(), (request, response) => {
  response.status(201).json({ payment: crypto.randomUUID(), amount: request.body.amount });
});
app.get("/tokens", (_request, response) => say(response, 20));
app.get("/news", (_request, response) => say(response, Number.POSITIVE_INFINITY));

server.listen(Number(process.env.PORT ?? 8080), process.env.HOST, () => console.log("listening"));

/** A word every hundred milliseconds, until there are so many. */
function say(response: express.Response, words: number): void {
  let id = 0;
  response.type("text/event-stream").flushHeaders();
  const timer = setInterval(() => {
    id += 1;
    response.write(`id: ${id}\ndata: word ${id}\n\n`);
    if (id === words) response.end();
  }, 100);
  response.on("close", () => clearInterval(timer));
}
