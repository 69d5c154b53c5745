import { createServer } from "node:http";
import { type Listening, listen } from "@onceover/test/listen";
import { afterAll, beforeAll } from "vitest";
import { app } from "../express-payments.js";
import { postTo, testAsClient } from "./client.js";

let served: Listening;
beforeAll(async () => {
  served = await listen(createServer(app));
});
afterAll(() => served.close());

testAsClient(
  postTo(() => `${served.url}/payments`),
  201,
  { amount: 5 },
  { amount: 6 },
);
