import { createOnceover, memoryStore } from "@onceover/core";
import { onceover } from "@onceover/hono";
import { type Context, Hono } from "hono";

const scope = (c: Context) => c.req.header("Authorization");
const once = createOnceover({ service: "bookings", revision: "r1", store: memoryStore(), scope });

export default new Hono().post("/bookings", onceover(once, { required: true }), async (c) => {
  const booking = { id: crypto.randomUUID(), ...(await c.req.json()) };
  c.executionCtx.waitUntil(sendMail(booking.id));
  return c.json(booking, 201);
});

/** Goes on after the answer. A retry does not come here. */
async function sendMail(booking: string): Promise<void> {
  console.log(`mail: ${booking} is booked`);
}
