import type { ServerResponse } from "node:http";
import type { HeaderLine, PinnedExchange } from "@onceover/core";
import { applyHeaders } from "./header-lines.js";

const EXCHANGE: unique symbol = Symbol("onceover.pinned");

type Dressed = ServerResponse & { [EXCHANGE]?: PinnedExchange };

/**
 * Puts the lines of a judged request on the head of its answer, just before that leaves: nobody takes them off after that, and
 * what they depend on is known by then. Where a request passes several mounts, what the last one said counts.
 */
export function dress(response: Dressed, pinned: PinnedExchange | undefined): void {
  if (pinned === undefined) return;
  const isDressed = response[EXCHANGE] !== undefined;
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
    return Reflect.apply(writeHead, response, [status, ...message]);
  };
}

function fieldOf(response: ServerResponse, name: string): string | undefined {
  const value = response.getHeader(name);
  return value === undefined ? undefined : String(value);
}

function putLines(response: ServerResponse, lines: readonly HeaderLine[]): void {
  for (const [name, value] of lines) {
    if (name === "Set-Cookie") response.appendHeader(name, value);
    else response.setHeader(name, value);
  }
}
