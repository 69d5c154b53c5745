import "reflect-metadata";
import { Body, Controller, type MiddlewareConsumer, Module, type NestModule, Post, Req } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { createOnceover, memoryStore } from "@onceover/core";
import { onceover } from "@onceover/express";
import type { Request } from "express";

@Controller("payments")
class PaymentsController {
  @Post()
  pay(@Req() request: Request, @Body() { amount }: { amount: number }) {
    return { payment: request.onceover?.effectKey("payment"), amount };
  }
}

const scope = (request: Request) => request.get("Authorization");
const once = createOnceover({ service: "payments", revision: "r1", store: memoryStore(), scope });

@Module({ controllers: [PaymentsController] })
export class PaymentsModule implements NestModule {
  configure(consumer: MiddlewareConsumer) {
    consumer.apply(onceover(once, { required: true })).forRoutes(PaymentsController);
  }
}

if (import.meta.filename === process.argv[1]) {
  const app = await NestFactory.create(PaymentsModule);
  await app.listen(3000);
}
