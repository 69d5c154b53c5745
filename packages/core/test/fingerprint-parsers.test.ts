import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express, { type Request, type RequestHandler, type Response } from "express";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fingerprint } from "./fingerprint-support.js";

const PARSERS: Readonly<Record<string, RequestHandler>> = {
  json: express.json({ strict: false, limit: "1mb" }),
  extended: express.urlencoded({ extended: true, limit: "1mb" }),
  plain: express.urlencoded({ extended: false, limit: "1mb" }),
  text: express.text({ type: "*/*", limit: "1mb" }),
  raw: express.raw({ type: "*/*", limit: "1mb" }),
};

let origin: string;

/** Answers with nothing, and leaves what the parser named by the path made of the body in `parsed`. */
const server = createServer((request, response) => {
  const parser = PARSERS[request.url?.slice(1) ?? ""];
  parser?.(request as Request, response as Response, (error?: unknown) => {
    parsed = "body" in request ? request.body : undefined;
    response.statusCode = error === undefined ? 200 : 400;
    response.end();
  });
});
let parsed: unknown;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** What an express parser makes of a body that came over the wire. */
async function parse(parser: string, contentType: string, body: Uint8Array): Promise<unknown> {
  const headers = { "content-type": contentType };
  const response = await fetch(`${origin}/${parser}`, { method: "POST", headers, body: Buffer.from(body) });
  expect(response.status).toBe(200);
  return parsed;
}

const JSON_TYPE = "application/json";
const FORM = "application/x-www-form-urlencoded";

describe("a fingerprint", () => {
  it.each([
    ["json", JSON_TYPE, '{"b":1.0,"a":[{"d":null,"c":"é"}]}'],
    ["json", "application/json; charset=utf-8", '{"a":"\\ud83d\\ude00"}'],
    ["json", JSON_TYPE, '{"__proto__":{"a":1},"constructor":2,"toString":3}'],
    ["json", JSON_TYPE, '{"a":1,"a":2}'],
    ["json", JSON_TYPE, '{"n":[9007199254740993,-0,1E-7,123456789012345680000]}'],
    ["json", JSON_TYPE, '{"lone":"\\ud800","nul":"\\u0000"}'],
    ["json", JSON_TYPE, "[]"],
    ["json", JSON_TYPE, "null"],
    ["json", JSON_TYPE, "false"],
    ["json", JSON_TYPE, "4.2"],
    ["json", JSON_TYPE, `${"[".repeat(500)}${"]".repeat(500)}`],
    ["text", JSON_TYPE, '{"b":1,"a":2}'],
    ["raw", JSON_TYPE, '{"b":1,"a":2}'],
    ["raw", JSON_TYPE, '{"b":1,'],
    ["extended", FORM, "b=2&a=1&c=%C3%A9+x"],
    ["extended", FORM, "a=1&b=2&a=3"],
    ["extended", FORM, "a[]=1&a[]=2&b[]=3"],
    ["extended", FORM, "card[number]=4242&card[exp][month]=12&card[exp][year]=2030"],
    ["extended", FORM, "a[0][x]=1&a[1][x]=2"],
    ["extended", FORM, "empty=&flag&a=b=c"],
    ["plain", FORM, "b=2&a=1&a=3&c=%C3%A9+x"],
    ["plain", FORM, "card[number]=4242&a[]=1&a[]=2"],
    ["plain", FORM, "empty=&flag&a=b=c"],
    ["plain", FORM, "constructor=2&toString=3"],
    ["text", FORM, "b=2&a=1"],
    ["raw", FORM, "b=2&a=1"],
    ["text", "text/plain", "grün\r\n"],
    ["text", "text/plain; charset=utf-8", "grün"],
    ["raw", "text/plain", "grün"],
    ["raw", "application/octet-stream", "\0\r\n"],
    ["raw", "multipart/form-data; boundary=x", "--x\r\n\r\na\r\n--x--\r\n"],
  ])("is the same before and after express's %s parser, of %s %s", async (parser, contentType, text) => {
    const bytes = new TextEncoder().encode(text);
    const value = await parse(parser, contentType, bytes);
    expect(await fingerprint({ contentType, body: { outcome: "parsed", value } })).toBe(
      await fingerprint({ contentType, body: bytes }),
    );
  });

  it.each([
    ["text", "text/plain; charset=iso-8859-1", "latin1"],
    ["text", "text/plain; charset=utf-16le", "utf16le"],
    ["json", "application/json; charset=utf-16le", "utf16le"],
  ] as const)("is the same before and after express's %s parser, of %s", async (parser, contentType, encoding) => {
    const bytes = Buffer.from('{"to":"grün"}', encoding);
    const value = await parse(parser, contentType, bytes);
    expect(await fingerprint({ contentType, body: { outcome: "parsed", value } })).toBe(
      await fingerprint({ contentType, body: bytes }),
    );
  });

  it("of the one parser is that of the other", async () => {
    const bytes = new TextEncoder().encode("b=2&a[]=1&a[]=3");
    const values = [await parse("extended", FORM, bytes), await parse("plain", FORM, bytes)];
    const [extended, plain] = values.map((value) => ({
      contentType: FORM,
      body: { outcome: "parsed", value } as const,
    }));
    expect(extended).not.toEqual(plain);
    expect(await fingerprint(extended ?? {})).toBe(await fingerprint(plain ?? {}));
  });
});
