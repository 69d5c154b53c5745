import { createOnceover, memoryStore } from "@onceover/core";
import { onceover } from "@onceover/fastify";
import Fastify, { type FastifyRequest } from "fastify";

const scope = (request: FastifyRequest) => request.headers.authorization;
const once = createOnceover({ service: "orders", revision: "r1", store: memoryStore(), scope });

export const app = Fastify();
await app.register(onceover, { once, required: true });
app.post("/orders", async ({ body }, reply) => reply.code(201).send({ order: crypto.randomUUID(), placed: body }));

if (import.meta.filename === process.argv[1]) console.log(await app.listen({ port: 3000 }));
