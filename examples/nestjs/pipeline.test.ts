import {
  type CallHandler,
  type CanActivate,
  Controller,
  type ExecutionContext,
  HttpException,
  Injectable,
  type MiddlewareConsumer,
  Module,
  type NestInterceptor,
  type NestModule,
  Post,
  UploadedFile,
  UseGuards,
  UseInterceptors,
} from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { FileInterceptor } from "@nestjs/platform-express";
import { createOnceover, memoryStore, SHARED_SCOPE } from "@onceover/core";
import { onceover } from "@onceover/express";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

/** What was called, in order. */
let calls: string[];

@Injectable()
class Guard implements CanActivate {
  canActivate(context: ExecutionContext) {
    calls.push("guard");
    return context.switchToHttp().getRequest().headers["x-role"] === "clerk";
  }
}

@Injectable()
class Interceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    calls.push("interceptor");
    return next.handle();
  }
}

@Controller()
@UseGuards(Guard)
@UseInterceptors(Interceptor)
class PaymentsController {
  @Post("pay")
  pay() {
    calls.push("handler");
    return { paid: true };
  }

  @Post("decline")
  decline() {
    calls.push("handler");
    throw new HttpException("card declined", 402);
  }

  @Post("upload")
  @UseInterceptors(FileInterceptor("receipt"))
  upload(@UploadedFile() { buffer }: { buffer: Buffer }) {
    calls.push("handler");
    return { receipt: buffer.toString() };
  }
}

@Module({ controllers: [PaymentsController] })
class PaymentsModule implements NestModule {
  configure(consumer: MiddlewareConsumer) {
    const once = createOnceover({ service: "nest", revision: "r1", store: memoryStore(), scope: SHARED_SCOPE });
    consumer.apply(onceover(once)).forRoutes(PaymentsController);
  }
}

const starting = NestFactory.create(PaymentsModule, { logger: false, forceCloseConnections: true });
let url: string;
beforeAll(async () => {
  const app = await starting;
  await app.listen(0, "127.0.0.1");
  url = await app.getUrl();
});
beforeEach(() => {
  calls = [];
});
afterAll(async () => (await starting).close());

/** Posts with a key of the test's own, as a clerk unless it says otherwise. */
async function post(path: string, key: string, body?: FormData, role = "clerk") {
  const headers = { "Idempotency-Key": key, "X-Role": role };
  const answer = await fetch(`${url}/${path}`, { method: "POST", headers, ...(body && { body }) });
  return { status: answer.status, text: await answer.text(), replayed: answer.headers.get("Idempotency-Replayed") };
}

test("a replay stands in for guards, interceptors and the handler", async () => {
  const first = await post("pay", "one");
  expect(calls).toEqual(["guard", "interceptor", "handler"]);
  expect(await post("pay", "one")).toEqual({ ...first, replayed: "true" });
  expect(calls).toHaveLength(3);
});

test("what a guard refuses is the answer of its key", async () => {
  expect((await post("pay", "two", undefined, "guest")).status).toBe(403);
  expect(await post("pay", "two")).toMatchObject({ status: 403, replayed: "true" });
  expect(calls).toEqual(["guard"]);
});

test("what an exception filter makes of a throw is replayed", async () => {
  const first = await post("decline", "three");
  expect([first.status, first.text]).toEqual([402, expect.stringContaining("card declined")]);
  expect(await post("decline", "three")).toEqual({ ...first, replayed: "true" });
});

function form(receipt: string): FormData {
  const made = new FormData();
  made.set("receipt", new Blob([receipt]), "receipt.txt");
  return made;
}

test("an upload is the same by its parts, whatever its boundary, and FileInterceptor finds it whole", async () => {
  const first = await post("upload", "four", form("paid"));
  expect(first).toMatchObject({ status: 201, text: '{"receipt":"paid"}' });
  expect(await post("upload", "four", form("paid"))).toEqual({ ...first, replayed: "true" });
  expect((await post("upload", "four", form("unpaid"))).status).toBe(422);
});
