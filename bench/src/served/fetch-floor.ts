interface Answer {
  readonly status: number;
  readonly headers: readonly [string, string][];
  readonly body: string;
}

interface Payment {
  readonly payload: string;
  /** Absent while the handler runs. */
  readonly answer?: Answer;
}

/**
 * The floor of the fetch wrapper: the body of each request is read once and handed on by a proxy, since making another
 * request of it costs more; the answer is read once, kept in a Map, and made anew. It compares payloads as they came,
 * has no scopes and no leases, takes every body for one text, and answers a duplicate in flight with 409.
 */
export function floorOverMemory(handler: (request: Request) => Promise<Response>): typeof handler {
  const payments = new Map<string, Payment>();
  return async function floor(request) {
    const key = request.headers.get("idempotency-key") ?? "";
    const payload = await request.text();
    const found = payments.get(key);
    if (found !== undefined) return again(found, payload);
    payments.set(key, { payload });
    const response = await handler(withBody(request, payload));
    const answer = { status: response.status, headers: [...response.headers], body: await response.text() };
    payments.set(key, { payload, answer });
    return rebuilt(answer);
  };
}

function again({ payload, answer }: Payment, given: string): Response {
  if (given !== payload) return new Response(null, { status: 422 });
  return answer === undefined ? new Response(null, { status: 409, headers: { "Retry-After": "1" } }) : rebuilt(answer);
}

function rebuilt({ status, headers, body }: Answer): Response {
  return new Response(body, { status, headers: [...headers] });
}

/** The request with a body that can still be read, by the two ways that handlers of JSON use. */
function withBody(request: Request, body: string): Request {
  return new Proxy(request, {
    get(target, name) {
      if (name === "text") return async () => body;
      if (name === "json") return async () => JSON.parse(body);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
