import { createOnceover, memoryStore } from "@onceover/core";
import { withOnceover } from "@onceover/fetch";

const scope = (request: Request) => request.headers.get("Authorization");
const once = createOnceover({ service: "payments", revision: "r1", store: memoryStore(), scope });

async function pay(request: Request, { params }: { params: Promise<{ account: string }> }): Promise<Response> {
  const { amount } = (await request.json()) as { amount: number };
  return Response.json({ payment: crypto.randomUUID(), ...(await params), amount }, { status: 201 });
}
export const POST = withOnceover(once, pay, { required: true });
