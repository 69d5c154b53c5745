import { createHash, randomUUID } from "node:crypto";
import type { RequestHandler, Response } from "express";
import type { Redis } from "ioredis";

/** Turns the marker of a run into its record, if the marker is still this run's. */
const COMPLETE = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`;

const LEASE_MS = 15_000;
const RETENTION_MS = 86_400_000;

/** What the floor keeps of an answer. */
export interface FloorRecord {
  readonly status: number;
  readonly type: string | undefined;
  readonly body: unknown;
}

/**
 * The floor: the least that a naive correct design does. One SET claims the key and says what stands there, one
 * compare-and-set by Lua records the answer as JSON before it leaves; a duplicate of a running request gets 409.
 *
 * It compares no payloads, has no scopes, renews no lease, records no header but the media type and no answer but
 * those sent by `res.send` and `res.json`: what a library does beyond this, it must earn elsewhere.
 */
export async function floor(client: Redis): Promise<RequestHandler> {
  await client.script("LOAD", COMPLETE);
  const sha = createHash("sha1").update(COMPLETE).digest("hex");

  function record(response: Response, complete: (record: string) => Promise<unknown>): void {
    const { send } = response;
    response.send = (body) => {
      response.send = send;
      const kept: FloorRecord = { status: response.statusCode, type: response.get("content-type"), body };
      complete(JSON.stringify(kept)).then((written) => {
        if (written === 1) response.send(body);
        else response.sendStatus(409);
      }, response.req.next);
      return response;
    };
  }

  return async function floor(request, response, next) {
    const key = `floor:${request.get("idempotency-key")}`;
    const token = `run:${randomUUID()}`;
    const found = await client.set(key, token, "PX", LEASE_MS, "NX", "GET");
    if (found === null) {
      record(response, (answer) => client.evalsha(sha, 1, key, token, answer, RETENTION_MS));
      return next();
    }
    if (found.startsWith("run:")) return void response.set("Retry-After", "1").sendStatus(409);
    const { status, type = "text/plain", body }: FloorRecord = JSON.parse(found);
    response.status(status).set("Content-Type", type).send(body);
  };
}
