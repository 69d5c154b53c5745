import { createOnceover, memoryStore, SHARED_SCOPE } from "@onceover/core";
import { pins } from "@onceover/core/pins";
import { onceover } from "@onceover/express";
import express, { type Request } from "express";
import * as z from "zod";

const schema = z.object({ priceList: z.coerce.number().int() }).partial();
const rules = pins({ schema, writes: { priceList: 7 } });

const store = memoryStore();
const once = createOnceover<Request>({ service: "quotes", revision: "r42", store, scope: SHARED_SCOPE, pins: rules });

export const app = express();
app.get("/quote", onceover(once), ({ pinned }, response) => void response.json(pinned?.asked));
