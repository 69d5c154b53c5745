import type { ServerResponse } from "node:http";
import type { HeaderLine, Pinned, PinnedExchange } from "@onceover/core";
import { applyHeaders } from "./header-lines.js";

const EXCHANGE: unique symbol = Symbol("onceover.pinned");

/** `undefined` is an answer that is ours, or of another revision, and has its lines already. */
type Dressed = ServerResponse & { [EXCHANGE]?: PinnedExchange | undefined };

/**
 * Puts the lines of a judged request on the head of its answer, just before that leaves: nobody takes them off after that, and
 * what they depend on is known by then. Where a request passes several mounts, what the last one said counts.
 */
export function dress(response: Dressed, pinned: PinnedExchange | undefined): void {
  if (pinned === undefined) return;
  const isDressed = EXCHANGE in response;
  response[EXCHANGE] = pinned;
  if (isDressed) return;
  const { writeHead } = response;
  let isOut = false;
  // The response's own or, below a run, what the run lets through.
  response.writeHead = (status: number, ...rest: unknown[]) => {
    if (isOut) return Reflect.apply(writeHead, response, [status, ...rest]);
    isOut = true;
    const message = typeof rest[0] === "string" ? [rest[0]] : [];
    applyHeaders(response, rest[message.length]);
    putLines(response, response[EXCHANGE]?.dress(status, (name) => fieldOf(response, name)) ?? []);
    try {
      return Reflect.apply(writeHead, response, [status, ...message]);
    } catch (error) {
      // It cannot be sent, and whoever catches that sends another one.
      isOut = false;
      throw error;
    }
  };
}

/** Leaves the head as it is from here on: a mount further in has an answer, and that says itself what it is. */
export function undress(response: Dressed): void {
  if (EXCHANGE in response) response[EXCHANGE] = undefined;
}

/** What a mount further out has judged. */
export function pinnedOf(response: Dressed): Pinned | undefined {
  return response[EXCHANGE]?.pinned;
}

function fieldOf(response: ServerResponse, name: string): string | undefined {
  const value = response.getHeader(name);
  return value === undefined ? undefined : String(value);
}

function putLines(response: ServerResponse, lines: readonly HeaderLine[]): void {
  for (const [name, value] of lines) {
    if (name !== "Set-Cookie") response.setHeader(name, value);
    else if (!cookiesOf(response).includes(value)) response.appendHeader(name, value);
  }
}

function cookiesOf(response: ServerResponse): readonly string[] {
  return [response.getHeader("Set-Cookie") ?? []].flat().map(String);
}
