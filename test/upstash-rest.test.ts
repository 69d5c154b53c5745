/** The REST interface that stands in for Upstash: what the client and the stores are tried against. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type RedisServer, startRedis } from "./src/redis-server.js";
import { startUpstashRest, type UpstashRest } from "./src/upstash-rest.js";

let redis: RedisServer;
let rest: UpstashRest;
beforeAll(async () => {
  redis = await startRedis();
  rest = await startUpstashRest(redis.port);
});
afterAll(async () => {
  await rest.close();
  await redis.stop();
});

async function send(path: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(rest.url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${rest.token}`, ...headers },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

it("refuses whoever has not its token, and executes nothing", async () => {
  const { status, body } = await send("/", ["SET", "refused", "1"], { authorization: "Bearer another" });
  expect({ status, body }).toEqual({ status: 401, body: { error: "WRONGPASS invalid or missing auth token" } });
  expect(await redis.cli("exists", "refused")).toBe("0");
});

it("answers one command, in base64 where that was asked for, but for OK", async () => {
  expect(await send("/", ["SET", "one", "zwölf"])).toEqual({ status: 200, body: { result: "OK" } });
  expect((await send("/", ["GET", "one"])).body).toEqual({ result: "zwölf" });
  const base64 = { "Upstash-Encoding": "base64" };
  expect((await send("/", ["GET", "one"], base64)).body).toEqual({ result: Buffer.from("zwölf").toString("base64") });
  expect((await send("/", ["SET", "one", "1"], base64)).body).toEqual({ result: "OK" });
  expect((await send("/", ["MGET", "one", "none"], base64)).body).toEqual({ result: ["MQ==", null] });
});

it("answers an error with 400, and within a pipeline beside the results of the others", async () => {
  expect(await send("/", ["INCR"])).toMatchObject({
    status: 400,
    body: { error: expect.stringMatching(/^ERR wrong/) },
  });
  const { status, body } = await send("/pipeline", [["INCR", "n"], ["INCR"], ["INCR", "n"]]);
  expect(status).toBe(200);
  expect(body).toEqual([{ result: 1 }, { error: expect.stringMatching(/^ERR wrong/) }, { result: 2 }]);
});

it("executes a transaction", async () => {
  const commands = [
    ["set", "t", "1"],
    ["incr", "t"],
  ];
  expect((await send("/multi-exec", commands)).body).toEqual([{ result: "OK" }, { result: 2 }]);
});

it("executes a request whose reply it loses, and none that it drops", async () => {
  rest.fail({ kind: "lose-reply" }, 1);
  await expect(send("/", ["INCR", "lost"])).rejects.toThrow(TypeError);
  rest.fail({ kind: "drop" }, 1);
  await expect(send("/", ["INCR", "lost"])).rejects.toThrow(TypeError);
  expect((await send("/", ["GET", "lost"])).body).toEqual({ result: "1" });
});

it("executes what hung when it is healed", async () => {
  rest.fail({ kind: "hang" });
  const before = rest.seen.length;
  const held = send("/", ["SET", "held", "1"]);
  await expect.poll(() => rest.seen.length).toBe(before + 1);
  expect(await redis.cli("exists", "held")).toBe("0");
  rest.heal();
  expect((await held).body).toEqual({ result: "OK" });
});
