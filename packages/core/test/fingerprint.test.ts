import { describe, expect, it } from "vitest";
import { fingerprint, make, multipart, type Shape } from "./fingerprint-support.js";

const FORM = "application/x-www-form-urlencoded";

async function same(...shapes: Shape[]): Promise<void> {
  const made = await Promise.all(shapes.map(fingerprint));
  expect(new Set(made).size, JSON.stringify(made)).toBe(1);
}

async function different(...shapes: Shape[]): Promise<void> {
  const made = await Promise.all(shapes.map(fingerprint));
  expect(new Set(made).size, JSON.stringify(made)).toBe(shapes.length);
}

describe("the fingerprint of a request", () => {
  it.each<[string, Shape, string]>([
    ["JSON", { body: '{"b":1,"a":[true,null]}' }, "req1:F45yTSE7QXQLXhw2y2p90qWRSH80KSNqXt4Q8dcvWsg"],
    ["a form", { contentType: FORM, body: "b=2&a=1" }, "req1:fzY5gjw3eS3yhZcYaMdewfCds40yCQWW0UXRB6udNME"],
    [
      "bytes",
      { contentType: "application/octet-stream", body: "raw" },
      "req1:BLGFc2ksb5Au_EcdqthaQlGLShgjRMw3dMUAMw-zkTk",
    ],
    ["no body", { contentType: "", body: "" }, "req1:-YKArwVEihCf4c6GhMOgrAMBztAB0UsMZPPMwBwSHEo"],
    [
      "multipart",
      {
        contentType: "multipart/form-data; boundary=xx",
        body: '--xx\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--xx--\r\n',
      },
      "req1:Ylilv3XibPGIpHzTy9z3ze1MawdUrYygMrdP0pa8MVU",
    ],
    [
      "chosen fields",
      { body: '{"b":1,"a":[true,null]}', rule: { fields: ["a"] } },
      "fld1:URbuJUX7UOwdWBKs53Q1rwaUt0jV-sTcoe1oZvtAjtE",
    ],
    ["a rule of one's own", { rule: () => "mine" }, "own1:P9MFQv4_YbFL1KSy3Atvsw-m9j685S3Rd4qqjE3ALP8"],
    ["nothing", { rule: "off" }, "off"],
  ])("is golden for %s: the retry that meets the next release must match", async (_, shape, golden) => {
    expect(await fingerprint(shape)).toBe(golden);
  });

  it("changes with method, path, query, media type and body", async () => {
    await different(
      {},
      { method: "PATCH" },
      { target: "/payments/7?a=1" },
      { target: "/payments?a=2" },
      { target: "/payments" },
      { contentType: "application/vnd.api+json" },
      { contentType: "text/plain" },
      { contentType: "" },
      { body: "[]" },
      { body: "" },
    );
  });

  it("does not change with the spelling or the parameters of the media type", async () => {
    await same(
      {},
      { contentType: "Application/JSON" },
      { contentType: "application/json; charset=utf-8" },
      { contentType: ' application/json ;charset="UTF-8"' },
    );
  });

  it("never lets one part spill into the next", async () => {
    await different(
      { target: "/a", contentType: "text/plain", body: "b" },
      { target: "/ab", contentType: "text/plain", body: "" },
      { target: "/", contentType: "atext/plain", body: "b" },
      { contentType: FORM, body: "ab=c" },
      { contentType: FORM, body: "a=bc" },
      { contentType: FORM, body: "a=b&c=" },
    );
  });
});

describe("the fingerprint of JSON", () => {
  it("does not change with the order of members, spaces, escapes or the spelling of numbers", async () => {
    await same(
      { body: '{"amount":100,"to":"é","deep":{"b":1,"a":2}}' },
      { body: ' {"deep" : {"a":2,"b":1.0}, "to":"\\u00e9",\n"amount":1e2} ' },
    );
  });

  it("changes with the order of a list, a type, a missing member and a member more", async () => {
    await different(
      { body: '{"a":[1,2]}' },
      { body: '{"a":[2,1]}' },
      { body: '{"a":["1",2]}' },
      { body: '{"a":[1,2],"b":null}' },
      { body: "{}" },
      { body: "null" },
    );
  });

  it("sees members named __proto__ and constructor", async () => {
    await different(
      { body: "{}" },
      { body: '{"__proto__":{"admin":true}}' },
      { body: '{"__proto__":{"admin":false}}' },
      { body: '{"constructor":{"admin":true}}' },
    );
  });

  it("is the same in each charset that says the same", async () => {
    const text = '{"to":"é"}';
    await same(
      { body: text },
      { contentType: "application/json; charset=utf-16le", body: Buffer.from(text, "utf16le") },
      { contentType: "application/json; charset=iso-8859-1", body: Buffer.from(text, "latin1") },
    );
  });

  it("is that of its bytes where it is no JSON, or of a charset that does not exist", async () => {
    await different({ body: '{"a":' }, { body: '{"a": ' }, { body: "{a:1}" });
    await different({ body: "{}" }, { contentType: "application/json; charset=klingon", body: "{}" });
    await same({ body: '{"a":' }, { body: '{"a":' });
  });

  it("is made of lists nested a hundred thousand deep, too", async () => {
    const deep = (levels: number) => ({ body: "[".repeat(levels) + "]".repeat(levels) });
    await same(deep(100_000), deep(100_000));
    await different(deep(100_000), deep(99_999));
  });
});

describe("the fingerprint of a form", () => {
  it("does not change with the order of names, and of the spelling of a list", async () => {
    const contentType = FORM;
    await same(
      { contentType, body: "b=2&a=1" },
      { contentType, body: "a=1&b=2" },
      { contentType, body: "%61=%31&b=2" },
    );
    await same(
      { contentType, body: "a=1&a=2" },
      { contentType, body: "a[]=1&a[]=2" },
      { contentType, body: "a[0]=1&a[1]=2" },
    );
  });

  it("changes with the order of values of one name, and with a value", async () => {
    const contentType = FORM;
    await different(
      { contentType, body: "a=1&a=2" },
      { contentType, body: "a=2&a=1" },
      { contentType, body: "a=1" },
      { contentType, body: "a=1&a=2&a=" },
      { contentType, body: "a[b]=1&a[c]=2" },
    );
  });

  it("of two hundred thousand values that a parser made is made without a throw", async () => {
    const values = Array.from({ length: 200_000 }, (_, i) => String(i));
    const body = values.map((value) => `a=${value}`).join("&");
    await same({ contentType: FORM, body }, { contentType: FORM, body: { outcome: "parsed", value: { a: values } } });
  });

  it("is refused for a parsed form nested deeper than any parser goes", async () => {
    let value: object = {};
    for (let depth = 0; depth < 100; depth += 1) value = { a: value };
    const made = await make({ contentType: FORM, body: { outcome: "parsed", value } });
    expect(made).toMatchObject({ outcome: "refused", code: "body-consumed" });
  });
});

describe("the fingerprint of multipart", () => {
  const parts = [
    ["invoice", "%PDF-1.7\r\n--not-a-boundary\r\n\0\xff"],
    ["note", ""],
  ] as const;
  const shape = (boundary: string, given: readonly (readonly [string, string])[]): Shape => ({
    contentType: `multipart/form-data; boundary=${boundary}`,
    body: Buffer.from(multipart(boundary, given), "latin1"),
  });

  it("does not change with the boundary", async () => {
    const quoted = {
      ...shape("quoted", parts),
      contentType: 'multipart/form-data; charset=utf-8; boundary="quoted"',
    };
    await same(shape("one", parts), shape("----WebKitFormBoundary7MA4", parts), quoted);
  });

  it("changes with one byte of a file, with a name, with the order and the number of parts", async () => {
    await different(
      shape("x", parts),
      shape("x", [["invoice", "%PDF-1.7\r\n--not-a-boundary\r\n\0\xfe"], parts[1]]),
      shape("x", [["invoices", parts[0][1]], parts[1]]),
      shape("x", [parts[1], parts[0]]),
      shape("x", [parts[0]]),
      shape("x", []),
    );
  });

  it("is that of its bytes where it does not end as it must, or names no boundary", async () => {
    const whole = multipart("x", parts);
    const contentType = "multipart/form-data; boundary=x";
    const cut = { contentType, body: whole.slice(0, -6) };
    await same(cut, { ...cut, contentType: "multipart/form-data" });
    await different({ contentType, body: whole }, cut);
    await different({ ...cut, body: "a" }, { ...cut, body: "b" });
  });

  it("is refused where a parser left only fields behind: they name no file's content", async () => {
    const made = await make({ ...shape("x", parts), body: { outcome: "parsed", value: { note: "" } } });
    expect(made).toMatchObject({ outcome: "refused", code: "body-consumed" });
  });
});

describe("the fingerprint of chosen fields", () => {
  const rule = { fields: ["amount", "card"] };

  it("changes with these members only, of JSON and of a form", async () => {
    await same({ rule, body: '{"amount":1,"at":1}' }, { rule, body: '{"at":2,"amount":1}' });
    await different({ rule, body: '{"amount":1}' }, { rule, body: '{"amount":2}' }, { rule, body: "{}" });
    const contentType = FORM;
    await same({ rule, contentType, body: "amount=1&at=1" }, { rule, contentType, body: "at=2&amount=1" });
    await different({ rule, contentType, body: "card[number]=1" }, { rule, contentType, body: "card[number]=2" });
    await different({ rule, body: "{}" }, { rule: "request", body: "{}" });
  });

  it("still changes with method, path and query, and with the whole of a body that has no members", async () => {
    await different({ rule }, { rule, target: "/payments?a=2" }, { rule, method: "PATCH" });
    await different({ rule, body: "[1]" }, { rule, body: "[2]" });
    await different({ rule, contentType: "image/png", body: "a" }, { rule, contentType: "image/png", body: "b" });
  });

  it("takes a parsed value whole that JSON has no word for", async () => {
    const parsed = (value: unknown) => ({ rule, body: { outcome: "parsed", value } as const });
    await same(parsed({ amount: () => 1 }), parsed({ amount: () => 2 }));
    await different(parsed({ amount: () => 1, at: 1 }), parsed({ amount: () => 1, at: 2 }));
  });

  it("named __proto__ and constructor finds members only", async () => {
    const hostile = { fields: ["__proto__", "constructor"] };
    await same({ rule: hostile, body: "{}" }, { rule: hostile, body: '{"a":1}' });
    await different({ rule: hostile, body: "{}" }, { rule: hostile, body: '{"__proto__":1}' });
  });
});

describe("the fingerprint by a rule of one's own", () => {
  it("is made of what the function returns, and never reads the body", async () => {
    const unread = { outcome: "consumed" } as const;
    const rule = async (request: unknown) => `method ${(request as { method: string }).method}`;
    await same({ rule, body: unread }, { rule, body: '{"a":1}' });
    await different({ rule, body: unread }, { rule, body: unread, method: "PATCH" });
  });

  it('is one for all requests by "off", without a look at the body', async () => {
    await same({ rule: "off" }, { rule: "off", method: "PATCH", target: "/x", body: { outcome: "broken" } });
  });
});

describe("a body that cannot be compared", () => {
  it.each([
    ["too-large", "body-too-large"],
    ["broken", "body-broken"],
    ["consumed", "body-consumed"],
  ] as const)("because it is %s is refused with %s and a detail", async (outcome, code) => {
    expect(await make({ body: { outcome } })).toEqual({
      outcome: "refused",
      code,
      detail: expect.stringMatching(/^[A-Z].+\.$/),
    });
  });

  it.each([
    ["undefined", undefined],
    ["a BigInt", 1n],
    ["a function", () => 1],
    ["a symbol", Symbol("x")],
    ["not a number", { a: Number.NaN }],
    ["a BigInt within", { a: [1n] }],
    ["a circle", circle()],
  ])("because a parser made %s of it is refused with body-consumed", async (_, value) => {
    expect(await make({ body: { outcome: "parsed", value } })).toMatchObject({ code: "body-consumed" });
  });
});

function circle(): object {
  const one: { self?: unknown } = {};
  one.self = one;
  return one;
}
