import { request as send } from "node:http";
import { memoryRegistry } from "@onceover/core/revisions";
import { startHaproxy } from "@onceover/test/haproxy";
import { startNginx } from "@onceover/test/nginx";
import { memoryFleet, type PinnedRevision, startPinnedRevision } from "@onceover/test/pinned-revision";
import { afterEach, describe, expect, it } from "vitest";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Answered {
  readonly status: number;
  readonly code: unknown;
  readonly revision: unknown;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Sends header lines as they are given: `fetch` would not send two of one name, nor name them as they are written. */
function get(port: number, lines: readonly string[], target = "/search"): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const request = send({
      port,
      host: "127.0.0.1",
      path: target,
      headers: ["Host", "search", ...lines],
      agent: false,
    });
    request.on("error", reject).on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => {
        const { code, revision } = JSON.parse(text);
        resolve({ status: response.statusCode ?? 0, code, revision, headers: response.headers });
      });
    });
    request.end();
  });
}

async function twoRevisions(required = true): Promise<readonly [old: PinnedRevision, next: PinnedRevision]> {
  const fleet = memoryFleet(memoryRegistry());
  const accepts = { schemaRev: [12] };
  const old = await startPinnedRevision({
    fleet,
    revision: "r1",
    writes: { schemaRev: 11, indexHash: "a" },
    required: required && ["schemaRev"],
  });
  ends.push(() => old.stop());
  const next = await startPinnedRevision({
    fleet,
    revision: "r2",
    writes: { schemaRev: 12, indexHash: "b" },
    accepts,
    required: required && ["schemaRev"],
  });
  ends.push(() => next.stop());
  return [old, next];
}

type Front = (revision: PinnedRevision) => Promise<number>;

const nginx: Front = async ({ url }) => {
  const front = await startNginx({ server: `location / { proxy_pass ${url}; }` });
  ends.push(() => front.stop());
  return front.port;
};

const haproxy: Front = async ({ port }) => {
  const front = await startHaproxy({ servers: ["only"], timeoutMs: 5000 });
  ends.push(() => front.stop());
  await front.point("only", port);
  return front.port;
};

describe.each([
  ["nginx", nginx],
  ["HAProxy", haproxy],
] as const)("behind a real %s", (_, front) => {
  it.each(["Schema-Rev", "schema-rev", "X-Schema-Rev"])(
    "%s arrives, and leads to the revision that has it",
    async (name) => {
      const [, next] = await twoRevisions();
      const port = await front(next);
      expect(await get(port, [name, "12"])).toMatchObject({ status: 200, revision: "r2" });
      expect(await get(port, [name, "11"])).toMatchObject({
        status: 200,
        revision: "r1",
        headers: { revision: "r1", "schema-rev": "11" },
      });
      expect(await get(port, [name, "13"])).toMatchObject({
        status: 412,
        code: "backend-behind",
        headers: { revision: "r2" },
      });
    },
  );

  it("two spellings that disagree are refused", async () => {
    const [, next] = await twoRevisions();
    const port = await front(next);
    expect(await get(port, ["Schema-Rev", "12", "X-Schema-Rev", "11"])).toMatchObject({
      status: 400,
      code: "pins-invalid",
    });
    expect(await get(port, ["Schema-Rev", "12", "Schema-Rev", "11"])).toMatchObject({
      status: 400,
      code: "pins-invalid",
    });
    expect(await get(port, ["Schema-Rev", "12", "X-Schema-Rev", "12"])).toMatchObject({ status: 200, revision: "r2" });
  });

  it("a header with underscores arrives and counts, or is missed: it never passes in silence", async () => {
    const [, next] = await twoRevisions();
    const port = await front(next);
    const { status, code } = await get(port, ["SCHEMA_REV", "11"]);
    expect([status, code]).toEqual(front === nginx ? [428, "pins-missing"] : [200, undefined]);
    expect(next.events.filter(({ type }) => type === "routed")).toHaveLength(front === nginx ? 0 : 1);
  });
});

describe("behind a real nginx that caches", () => {
  async function caching() {
    const [old, next] = await twoRevisions(false);
    const front = await startNginx({
      http: "proxy_cache_path cache keys_zone=answers:1m;",
      server: `location / {
        proxy_pass ${next.url};
        proxy_cache answers;
        proxy_cache_valid any 1m;
        add_header Cache-Status $upstream_cache_status always;
      }`,
    });
    ends.push(() => front.stop());
    return { old, next, port: front.port };
  }
  const kept = "/search?control=public,max-age=60";

  it("an answer that it keeps carries no Set-Cookie and no pin, and varies by all that pins a request", async () => {
    const { port } = await caching();
    const { headers } = await get(port, ["Index-Hash", "b"], kept);
    expect(headers["set-cookie"]).toBeUndefined();
    expect(headers["revision-pin"]).toBeUndefined();
    const varies = String(headers.vary).toLowerCase().split(", ");
    expect(varies).toEqual(
      expect.arrayContaining(["schema-rev", "x-schema-rev", "index-hash", "revision-pin", "cookie"]),
    );
    expect((await get(port, ["Index-Hash", "b"], kept)).headers["cache-status"]).toBe("HIT");
  });

  it("nobody is given from the cache what was made for other pins", async () => {
    const { port } = await caching();
    for (const round of ["MISS", "HIT"]) {
      for (const [hash, revision] of [
        ["a", "r1"],
        ["b", "r2"],
      ] as const) {
        const answered = await get(port, ["Index-Hash", hash], kept);
        expect([answered.revision, answered.headers["cache-status"]]).toEqual([revision, round]);
      }
    }
    expect(await get(port, ["Index-Hash", "c"], kept)).toMatchObject({
      status: 412,
      headers: { "cache-status": "MISS" },
    });
    expect(await get(port, [], kept)).toMatchObject({ revision: "r2", headers: { "cache-status": "MISS" } });
  });

  it("whoever has a revision pin is not given what was made for those who have none", async () => {
    const { old, port } = await caching();
    const pin = await old.sign("pin");
    expect((await get(port, [], kept)).revision).toBe("r2");
    expect((await get(port, ["Revision-Pin", pin], kept)).revision).toBe("r1");
    expect((await get(port, ["Cookie", `__Host-revision-pin=${pin}`], kept)).revision).toBe("r1");
    expect((await get(port, [], `${kept}&revision-pin=${pin}`)).revision).toBe("r1");
    expect(await get(port, [], kept)).toMatchObject({ revision: "r2", headers: { "cache-status": "HIT" } });
  });

  it("an answer that gives a pin is not kept, whatever the cache was told to keep", async () => {
    const fleet = memoryFleet(memoryRegistry());
    const giving = await startPinnedRevision({
      fleet,
      revision: "r1",
      writes: { schemaRev: 1 },
      more: { givePins: "all" },
    });
    ends.push(() => giving.stop());
    const front = await startNginx({
      http: "proxy_cache_path cache keys_zone=answers:1m;",
      server: `location / {
        proxy_pass ${giving.url};
        proxy_cache answers;
        proxy_cache_valid any 1m;
        proxy_ignore_headers Set-Cookie;
        add_header Cache-Status $upstream_cache_status always;
      }`,
    });
    ends.push(() => front.stop());
    for (const target of ["/search", "/search?control=no-cache", "/search?control=private"]) {
      for (let round = 0; round < 2; round++) {
        const { headers } = await get(front.port, [], target);
        expect(headers["set-cookie"]).toHaveLength(1);
        expect(headers["cache-status"]).toBe("MISS");
        expect(headers["cache-control"]).toContain("private");
      }
    }
    const { headers } = await get(front.port, [], kept);
    expect(headers["set-cookie"]).toBeUndefined();
  });
});

it("without anything in front, a header with underscores arrives at Node and counts", async () => {
  const [old, next] = await twoRevisions();
  expect(await get(next.port, ["SCHEMA_REV", "11"])).toMatchObject({ status: 200, revision: "r1" });
  expect(await get(old.port, ["SCHEMA_REV", "11", "Schema-Rev", "12"])).toMatchObject({ status: 400 });
});

it("a revision that cannot be reached is told of by the one that was asked, in its own name", async () => {
  const fleet = memoryFleet(memoryRegistry());
  const gone = await startPinnedRevision({
    fleet,
    revision: "r1",
    writes: { schemaRev: 11 },
    more: { address: "http://127.0.0.1:1" },
  });
  ends.push(() => gone.stop());
  const next = await startPinnedRevision({ fleet, revision: "r2", writes: { schemaRev: 12 } });
  ends.push(() => next.stop());
  expect(await get(next.port, ["Schema-Rev", "11"])).toMatchObject({
    status: 503,
    code: "revision-unreachable",
    headers: { revision: "r2", "schema-rev": "12", "retry-after": "1", "cache-control": "no-store" },
  });
  expect(next.events.find(({ type }) => type === "forward-failed")).toMatchObject({
    revision: "r1",
    code: "revision-unreachable",
    error: expect.objectContaining({ code: "ECONNREFUSED" }),
  });
});

it("a document whose revision cannot be reached is served by the one that was asked, and keeps its pin; nothing else is", async () => {
  const fleet = memoryFleet(memoryRegistry());
  const far = await startPinnedRevision({ fleet, revision: "r1", writes: { schemaRev: 11 } });
  ends.push(() => far.stop());
  const next = await startPinnedRevision({
    fleet,
    revision: "r2",
    writes: { schemaRev: 12 },
    more: { addresses: ["http://127.0.0.1:1"] },
  });
  ends.push(() => next.stop());
  const pinned = ["Cookie", `__Host-revision-pin=${await far.sign("pin")}`];
  const document = await get(next.port, [...pinned, "Sec-Fetch-Mode", "navigate"]);
  expect([document.status, document.revision, document.headers["set-cookie"]]).toEqual([200, "r2", undefined]);
  expect(await get(next.port, pinned)).toMatchObject({ status: 503, code: "revision-unreachable" });
});

it("a deployment id that nobody has signed leads somewhere, but stands for no pin that is required", async () => {
  const fleet = memoryFleet(memoryRegistry());
  const only = await startPinnedRevision({
    fleet,
    revision: "r1",
    writes: { schemaRev: 11 },
    required: true,
    more: { deploymentId: true },
  });
  ends.push(() => only.stop());
  expect(await get(only.port, ["X-Deployment-Id", "r1"])).toMatchObject({ status: 428, code: "pins-missing" });
  expect(await get(only.port, ["Revision-Pin", await only.sign("pin")])).toMatchObject({ status: 200 });
});
