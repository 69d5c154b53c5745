import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { listen } from "@onceover/test/listen";
import { until } from "@onceover/test/wait";
import { afterEach, expect } from "vitest";
import { type FetchForwardOptions, type ForwardTarget, fetchForward } from "../../src/revisions.js";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

export interface Upstream {
  readonly target: ForwardTarget;
  readonly heard: IncomingMessage[];
  /** The last request that came. */
  last(): IncomingMessage;
}

/** The revision that requests are passed on to. */
export async function upstream(handler: RequestListener = (_, response) => void response.end("ok")): Promise<Upstream> {
  const heard: IncomingMessage[] = [];
  const { url, close } = await listen(
    createServer((request, response) => {
      heard.push(request);
      handler(request, response);
    }),
  );
  ends.push(close);
  return { target: at(url), heard, last: () => heard.at(-1) ?? expect.fail("nothing came") };
}

export const at = (address: string): ForwardTarget => ({ revision: "r2", address, headers: [] });

export async function nowhere(): Promise<ForwardTarget> {
  const { url, close } = await listen(createServer());
  await close();
  return at(url);
}

export const FRONT = "https://shop.example";
export const asked = (path = "/a?b", init: RequestInit & { readonly duplex?: "half" } = {}) =>
  new Request(FRONT + path, init);
export const posted = (body = "amount=1") => asked("/pay", { method: "POST", body });

export const forward = (request: Request, target: ForwardTarget, options?: FetchForwardOptions) =>
  fetchForward(options).fetch(request, target);

export async function problem(response: Response): Promise<readonly unknown[]> {
  const { code, executed } = (await response.json()) as Record<string, unknown>;
  return [response.status, code, executed, response.headers.get("retry-after")];
}

/** What is left of a body after its first piece. */
export async function restOf({ body }: Response): Promise<string> {
  let text = "";
  for await (const piece of body ?? []) text += new TextDecoder().decode(piece);
  return text;
}

export const UNREACHABLE = [503, "revision-unreachable", false, "1"];
export const FAILED = [502, "forward-failed", "unknown", null];
export const UNSENDABLE = [502, "forward-failed", false, null];

/** Settles when a number has not grown for a while. */
export async function untilStill(read: () => number): Promise<void> {
  let [last, times] = [-1, 0];
  await until("nothing moves any more", () => {
    times = read() === last ? times + 1 : 0;
    last = read();
    return last > 0 && times === 15;
  });
}
