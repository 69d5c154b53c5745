/** Giving out revision pins. A token says nothing of who holds it, so one serves all requests of a while. */

import type { HeaderLine } from "../facts.js";
import type { MaybePromise } from "../platform.js";
import type { PinKeys } from "./pin-keys.js";
import { PIN_COOKIE, PIN_HEADER } from "./revision-pin.js";
import type { Steer } from "./router.js";

/** Which answers pin whoever gets them: those that are streams, all, or none. */
export type PinGiving = "streams" | "all" | "none";

/** What giving out pins needs. */
export interface GrantingGround {
  readonly revision: string;
  readonly keys: PinKeys | undefined;
  readonly gives: PinGiving;
  readonly hasCookie: boolean;
  readonly pinLifetimeMs: number;
  /** Until when the revision is promised to live, in epoch milliseconds. */
  readonly livesUntilMs: number;
  epochMs(): number;
  /** The epoch of this revision; `undefined` while it is not known, or was raised since the instance began: then no pins are given. */
  epoch(): number | undefined;
}

/** Gives out, renews and takes back. */
export interface Granting {
  /** Has a token ready. Never rejects. */
  prepare(): MaybePromise<void>;
  lines(steer: Steer, status: number, header: (name: string) => string | undefined): readonly HeaderLine[];
}

interface Ready {
  readonly token: string;
  readonly epoch: number;
  readonly expiresAtMs: number;
  readonly remakeAtMs: number;
}

/** A token is made anew after this part of its lifetime, so that each one given out has most of it left. */
const REMAKE_AFTER = 1 / 8;

/** No token is made until it is needed. */
export function createGranting(ground: GrantingGround): Granting {
  const { keys, gives, revision, pinLifetimeMs, livesUntilMs } = ground;
  let ready: Ready | undefined;

  async function make(signer: PinKeys, epoch: number, nowMs: number): Promise<void> {
    const expiresAtMs = Math.min(nowMs + pinLifetimeMs, livesUntilMs);
    const token = await signer.sign({ kind: "pin", revision, epoch, expiresAtMs });
    ready = { token, epoch, expiresAtMs, remakeAtMs: nowMs + pinLifetimeMs * REMAKE_AFTER };
  }

  function tokenAt(nowMs: number): Ready | undefined {
    return ready !== undefined && ready.expiresAtMs > nowMs && ready.epoch === ground.epoch() ? ready : undefined;
  }

  return {
    prepare() {
      if (keys === undefined || gives === "none") return;
      const nowMs = ground.epochMs();
      const epoch = ground.epoch();
      if (epoch === undefined || nowMs >= livesUntilMs) return;
      if (ready !== undefined && ready.epoch === epoch && nowMs < ready.remakeAtMs) return;
      return make(keys, epoch, nowMs);
    },
    lines({ steered, isPinned = false, dropsCookie = false }, status, header) {
      const nowMs = ground.epochMs();
      const isGiven = gives === "all" || (gives === "streams" && isStream(header("content-type")));
      const isServed = status < 300 && (steered === "free" || steered === "here" || steered === "gone");
      const token = isGiven && isServed && !isPinned ? tokenAt(nowMs) : undefined;
      if (token !== undefined) return granted(token, nowMs, ground.hasCookie);
      return dropsCookie ? [cookie("", 0)] : [];
    },
  };
}

function granted({ token, expiresAtMs }: Ready, nowMs: number, hasCookie: boolean): readonly HeaderLine[] {
  const line: HeaderLine = [PIN_HEADER, token];
  return hasCookie ? [line, cookie(token, Math.floor((expiresAtMs - nowMs) / 1000))] : [line];
}

/** Source: RFC 6265bis, section 4.1.3.2, for the prefix. */
function cookie(value: string, maxAgeSeconds: number): HeaderLine {
  return ["Set-Cookie", `${PIN_COOKIE}=${value}; Path=/; Max-Age=${maxAgeSeconds}; Secure; HttpOnly; SameSite=Lax`];
}

function isStream(contentType: string | undefined): boolean {
  return /^\s*(?:text\/event-stream|application\/(?:x-)?(?:ndjson|jsonl|json-seq))\b/i.test(contentType ?? "");
}
