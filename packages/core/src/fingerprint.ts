import { type CanonicalBody, canonicalBody, parseMediaType } from "./canonical-body.js";
import type { BodyFacts, RequestFacts } from "./facts.js";
import { after, type MaybePromise, type Platform } from "./platform.js";
import type { ProblemCode } from "./problem.js";
import { lengthPrefixed } from "./scope.js";
import type { Fingerprint } from "./store.js";

/**
 * What makes two requests with one key the same request.
 *
 * - `"request"`: method, full path and query, media type and body in canonical form.
 * - `{ fields }`: the same, but of a JSON or form body only these top-level members.
 * - `"off"`: nothing; whatever comes under a used key is answered with what was recorded.
 * - a function: the text it returns. It runs before the handler; its errors go to the framework's error handling.
 */
export type FingerprintRule<Request> =
  | "request"
  | "off"
  | { readonly fields: readonly string[] }
  | ((request: Request) => MaybePromise<string>);

/** A fingerprint, or why there is none. */
export type FingerprintMade =
  | { readonly outcome: "fingerprint"; readonly fingerprint: Fingerprint }
  | { readonly outcome: "refused"; readonly code: ProblemCode; readonly detail: string };

/** Fingerprints a request by the mount's rule; at once where its body is there. Throws only what a rule of the application's own throws. */
export function fingerprintOf<Request>(
  facts: RequestFacts<Request>,
  rule: FingerprintRule<Request>,
  maxBodyBytes: number,
  sha256: Platform["sha256"],
): MaybePromise<FingerprintMade> {
  if (rule === "off") return made("off");
  if (typeof rule === "function") {
    return after(rule(facts.request), (text) => after(sha256(text), (digest) => made(`own1:${digest}`)));
  }
  const media = parseMediaType(facts.header("content-type")[0] ?? "");
  return after(facts.body(maxBodyBytes), (body) => {
    if (body.outcome !== "bytes" && body.outcome !== "parsed") return REFUSED_BODY[body.outcome];
    const canonical = canonicalBody(body, media);
    if (canonical === undefined) return REFUSED_BODY.consumed;
    const chosen = rule === "request" ? canonical : only(rule.fields, canonical);
    return after(digestable(chosen, sha256), (text) => {
      const line = lengthPrefixed(facts.method) + lengthPrefixed(facts.target) + lengthPrefixed(media.essence);
      const said = line + lengthPrefixed(chosen.form) + lengthPrefixed(text);
      return after(sha256(said), (digest) => made(`${rule === "request" ? "req1" : "fld1"}:${digest}`));
    });
  });
}

function made(text: string): FingerprintMade {
  return { outcome: "fingerprint", fingerprint: text as Fingerprint };
}

const REFUSED_BODY = {
  "too-large": refused("body-too-large", "The body is longer than this route's maxBodyBytes."),
  broken: refused("body-broken", "The body was cut off, or its Content-Encoding cannot be undone."),
  consumed: refused(
    "body-consumed",
    "A parser read the body and left nothing to compare. Mount onceover before it, or give a fingerprint function.",
  ),
} as const satisfies Record<Exclude<BodyFacts["outcome"], "bytes" | "parsed">, FingerprintMade>;

function refused(code: ProblemCode, detail: string): FingerprintMade {
  return { outcome: "refused", code, detail };
}

function digestable(body: CanonicalBody, sha256: Platform["sha256"]): MaybePromise<string> {
  switch (body.form) {
    case "bytes":
      return sha256(body.bytes);
    case "multipart": {
      const digests = Promise.all(body.parts.flatMap(({ head, content }) => [sha256(head), sha256(content)]));
      return digests.then((all) => all.join(""));
    }
    case "urlencoded":
      return body.pairs.flat().map(lengthPrefixed).join("");
    default:
      return body.text;
  }
}

/** A body without members is compared whole: leaving a field out must not make two files equal. */
function only(fields: readonly string[], body: CanonicalBody): CanonicalBody {
  if (body.form === "urlencoded")
    return { ...body, pairs: body.pairs.filter(([name]) => fields.includes(rootOf(name))) };
  const value = body.form === "json" ? parsed(body.text) : undefined;
  if (body.form !== "json" || typeof value !== "object" || value === null || Array.isArray(value)) return body;
  return { ...body, text: JSON.stringify(Object.entries(value).filter(([name]) => fields.includes(name))) };
}

/** A parser of the application's own may have made what JSON has no word for, such as a function; it counts as a whole. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `card` of `card[number]`. */
function rootOf(name: string): string {
  const bracket = name.indexOf("[");
  return bracket === -1 ? name : name.slice(0, bracket);
}
