import { createOnceover, memoryStore } from "@onceover/core";
import { onceover } from "@onceover/express";
import express from "express";

const scope = (request: express.Request) => request.get("Authorization");
const once = createOnceover({ service: "payments", revision: "r1", store: memoryStore(), scope });

export const app = express();
app.post("/payments", onceover(once, { required: true }), express.json(), (request, response) => {
  response.status(201).json({ payment: crypto.randomUUID(), amount: request.body.amount });
});

if (import.meta.filename === process.argv[1]) app.listen(3000, () => console.log("http://localhost:3000/payments"));
