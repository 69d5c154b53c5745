import { createOnceover, memoryStore, SHARED_SCOPE } from "@onceover/core";
import { pins } from "@onceover/core/pins";
import { onceover } from "@onceover/express";
import { filePins } from "@onceover/node";
import express, { type Request } from "express";

const store = memoryStore();
const read = filePins({ path: process.env.LIVE_PINS ?? "live-pins.json" }); // {"indexHash": "ix1-60303ae2"}

const accepts = { schemaRev: [11, 12], indexHash: ["ix1-9f86d081", "ix1-60303ae2"] };
const rules = pins({ writes: { schemaRev: 12 }, accepts, read, required: ["indexHash"] });
const once = createOnceover<Request>({ service: "search", revision: "r42", store, scope: SHARED_SCOPE, pins: rules });

export const app = express();
app.get("/search", onceover(once), ({ pinned, query }, response) => {
  response.json({ question: query.question, index: pinned?.live.indexHash });
});
