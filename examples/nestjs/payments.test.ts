import type { INestApplication } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ALPACA, postTo, testAsClient } from "../test/client.js";
import { PaymentsModule } from "./payments.js";

let app: INestApplication;
let url: string;
beforeAll(async () => {
  app = await NestFactory.create(PaymentsModule, { logger: false, forceCloseConnections: true });
  await app.listen(0, "127.0.0.1");
  url = `${await app.getUrl()}/payments`;
});
afterAll(() => app.close());

const send = postTo(() => url);
testAsClient(send, 201, { amount: 5 }, { amount: 6 });

test("the controller finds its run in the request", async () => {
  const answer = await send({ ...ALPACA, "Idempotency-Key": "run" }, { amount: 5 });
  expect(await answer.json()).toEqual({ payment: expect.stringMatching(/^[\w-]{27}\.payment$/), amount: 5 });
});
