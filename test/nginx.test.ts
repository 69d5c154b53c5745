import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listen } from "@onceover/test/listen";
import { type Nginx, type NginxOptions, startNginx } from "@onceover/test/nginx";
import { afterEach, describe, expect, it } from "vitest";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Heard {
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
}

/** A server that counts, and answers how many requests it has had. */
async function serve(fields: OutgoingHttpHeaders = {}): Promise<{ readonly url: string; readonly heard: Heard[] }> {
  const heard: Heard[] = [];
  const server = createServer(({ url: target = "", headers }, response) => {
    heard.push({ target, headers });
    response.writeHead(200, fields).end(`answer ${heard.length}`);
  });
  const { url, close } = await listen(server);
  ends.push(close);
  return { url, heard };
}

async function start(options: NginxOptions): Promise<Nginx> {
  const nginx = await startNginx(options);
  ends.push(() => nginx.stop());
  return nginx;
}

/** Where temporary folders are made until the test is over, so that those of other tests are not among them. */
async function ownTemporaryFolder(): Promise<string> {
  const { TMPDIR } = process.env;
  const folder = await mkdtemp(join(tmpdir(), "onceover-test-"));
  process.env.TMPDIR = folder;
  ends.push(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
    return rm(folder, { recursive: true, force: true });
  });
  return folder;
}

const proxied = (url: string) => ({ server: `location / { proxy_pass ${url}; }` });

async function get(nginx: Nginx, headers: Record<string, string> = {}) {
  const response = await fetch(`${nginx.url}/a?b`, { headers });
  return { text: await response.text(), cache: response.headers.get("Cache-Status") };
}

/** Caches what may be cached, and says of each answer whether it came from there. */
const caching = (url: string) => ({
  http: "proxy_cache_path cache keys_zone=answers:1m;",
  server: `location / {
    proxy_pass ${url};
    proxy_cache answers;
    add_header Cache-Status $upstream_cache_status;
  }`,
});

describe("an nginx of a test's own", () => {
  it("passes requests on to a server, path and query as they came", async () => {
    const { url, heard } = await serve();
    const nginx = await start(proxied(url));
    expect((await get(nginx, { "Schema-Rev": "12" })).text).toBe("answer 1");
    expect(heard[0]).toMatchObject({ target: "/a?b", headers: { "schema-rev": "12" } });
  });

  it("drops a header that has underscores in its name, and says so to nobody", async () => {
    const { url, heard } = await serve();
    const nginx = await start(proxied(url));
    await get(nginx, { SCHEMA_REV: "12", "X-Schema-Rev": "13" });
    expect(heard[0]?.headers).toMatchObject({ "x-schema-rev": "13" });
    expect(heard[0]?.headers).not.toHaveProperty("schema_rev");
  });

  it("passes it on where it is told to: it did arrive", async () => {
    const { url, heard } = await serve();
    const { server } = proxied(url);
    const nginx = await start({ server: `underscores_in_headers on; ${server}` });
    await get(nginx, { SCHEMA_REV: "12" });
    expect(heard[0]?.headers).toMatchObject({ schema_rev: "12" });
  });

  it("answers from its cache what may be cached", async () => {
    const { url, heard } = await serve({ "Cache-Control": "max-age=60" });
    const nginx = await start(caching(url));
    expect(await get(nginx)).toEqual({ text: "answer 1", cache: "MISS" });
    expect(await get(nginx)).toEqual({ text: "answer 1", cache: "HIT" });
    expect(heard).toHaveLength(1);
  });

  it.each(["no-store", "private", "no-cache", "max-age=0"])("keeps nothing that is %s", async (control) => {
    const { url } = await serve({ "Cache-Control": control });
    const nginx = await start(caching(url));
    expect([await get(nginx), await get(nginx)]).toEqual([
      { text: "answer 1", cache: "MISS" },
      { text: "answer 2", cache: "MISS" },
    ]);
  });

  it("keeps an answer for those alone whose headers are the same in all that it varies by", async () => {
    const { url } = await serve({ "Cache-Control": "max-age=60", Vary: "Schema-Rev" });
    const nginx = await start(caching(url));
    const revs = ["11", "12", "11", "12"];
    const answers = [];
    for (const rev of revs) answers.push(await get(nginx, { "Schema-Rev": rev, "X-Other": String(answers.length) }));
    expect(answers).toEqual([
      { text: "answer 1", cache: "MISS" },
      { text: "answer 2", cache: "MISS" },
      { text: "answer 1", cache: "HIT" },
      { text: "answer 2", cache: "HIT" },
    ]);
  });

  it("refuses directives that it does not know, in its own words, and leaves nothing behind", async () => {
    const folder = await ownTemporaryFolder();
    await expect(startNginx({ server: "no_such_directive on;" })).rejects.toThrow(
      'unknown directive "no_such_directive"',
    );
    expect(await readdir(folder)).toEqual([]);
  });

  it("has its cache in a folder of its own, which goes with it", async () => {
    const folder = await ownTemporaryFolder();
    const { url } = await serve({ "Cache-Control": "max-age=60" });
    const nginx = await startNginx(caching(url));
    await get(nginx);
    const [its = ""] = await readdir(folder);
    const [kept = ""] = await readdir(join(folder, its, "cache"));
    expect(await readFile(join(folder, its, "cache", kept), "latin1")).toContain("answer 1");
    await nginx.stop();
    expect(await readdir(folder)).toEqual([]);
  });
});
