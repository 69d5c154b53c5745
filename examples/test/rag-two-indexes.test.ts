import { execFile } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { until } from "@onceover/test/wait";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { BUILDS } from "../rag-two-indexes/builds.js";
import { addDocument, listen, search } from "../rag-two-indexes/client.js";
import { hash256, tfidf512 } from "../rag-two-indexes/embedders.js";
import { PASSAGES } from "../rag-two-indexes/passages.js";
import { QUESTIONS } from "../rag-two-indexes/questions.js";
import { type RunningRevision, startRevision } from "../rag-two-indexes/start-revision.js";
import { buildIndex, type IndexPlan, type VectorIndex } from "../rag-two-indexes/vector-index.js";

const NOBODYS = "ix1-00000000000000000000000000000000";

/** The questions for which the passage that answers them is among the first three. */
function recalled(index: VectorIndex): number {
  return QUESTIONS.filter(({ question, passage }) => index.search(question, 3).some((hit) => hit.passage === passage))
    .length;
}

describe("an index", () => {
  it.each([
    ["r1", 8],
    ["r2", 10],
  ] as const)(
    "of %s finds the right passage among the first three for %i of ten questions",
    async (revision, found) => {
      expect(QUESTIONS).toHaveLength(10);
      expect(recalled(await BUILDS[revision]())).toBe(found);
    },
  );

  it("finds each passage first by its own words, whatever built it", async () => {
    for (const build of Object.values(BUILDS)) {
      const index = await build();
      expect(PASSAGES.filter(({ id, text }) => index.search(text, 1)[0]?.passage !== id)).toEqual([]);
    }
  });

  it("finds nothing for a question that shares no word with the passages", async () => {
    expect((await BUILDS.r2()).search("xylophon", 3)).toEqual([]);
  });

  const plan: IndexPlan = { passages: PASSAGES, embedder: hash256, chunking: { by: "passage" } };
  const [, ...others] = PASSAGES;

  it.each([
    ["one passage less", { ...plan, passages: others }],
    ["another model", { ...plan, embedder: tfidf512 }],
    ["other cuts", { ...plan, chunking: { by: "sentence" } }],
  ] as const)("has another hash for %s, and the same one for the same parts", async (_what, other) => {
    const [one, again, changed] = await Promise.all([plan, plan, other].map(buildIndex));
    expect(one?.hash).toMatch(/^ix1-[0-9a-f]{32}$/);
    expect(again?.hash).toBe(one?.hash);
    expect(changed?.hash).not.toBe(one?.hash);
  });
});

describe("two revisions, each in a process of its own", () => {
  let folder: string;
  let r1: RunningRevision;
  let r2: RunningRevision;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "onceover-rag-test-"));
    const options = { folder, secret: randomBytes(32).toString("base64"), paceMs: 1 };
    r1 = await startRevision("r1", options);
    r2 = await startRevision("r2", options);
    await until("r1 has heard of r2", async () => {
      const { status } = await search(r1.url, "wax", { "Index-Hash": r2.indexHash });
      return status === 200;
    });
  });
  afterAll(async () => {
    await Promise.all([r1, r2].map((each) => each?.leave()));
    await rm(folder, { recursive: true });
  });

  const both = () =>
    [
      [r1, r2],
      [r2, r1],
    ] as const;
  const documents = async () => (await readFile(join(folder, "inbox.jsonl"), "utf8")).trim().split("\n");

  it("an index pin is answered by the revision that has it, with that index's own hits, wherever it is asked", async () => {
    for (const { question } of QUESTIONS) {
      for (const { url } of [r1, r2]) {
        for (const { revision, indexHash, modelTag } of [r1, r2]) {
          const answer = await search(url, question, { "Index-Hash": indexHash });
          expect(answer).toMatchObject({ status: 200, revision, index: indexHash, model: modelTag });
          expect(answer.hits).toEqual((await BUILDS[revision]()).search(question, 3));
        }
      }
    }
  });

  it("a model pin leads to the revision that has the model", async () => {
    for (const [here, there] of both()) {
      const answer = await search(here.url, "Which acid is used against mites?", { "Model-Tag": there.modelTag });
      expect(answer).toMatchObject({
        status: 200,
        revision: there.revision,
        hits: [{ passage: "varroa-treatment" }, {}, {}],
      });
    }
  });

  it("who asks for nothing is answered by the revision that was asked", async () => {
    for (const { url, revision } of [r1, r2]) expect(await search(url, "wax")).toMatchObject({ status: 200, revision });
  });

  it.each([
    ["an index that nobody has", () => ({ "Index-Hash": NOBODYS })],
    ["the index of one and the model of the other", () => ({ "Index-Hash": r1.indexHash, "Model-Tag": r2.modelTag })],
  ])("%s is refused with 412 backend-behind", async (_what, pins) => {
    for (const { url, revision } of [r1, r2]) {
      expect(await search(url, "wax", pins())).toMatchObject({ status: 412, code: "backend-behind", revision });
    }
  });

  it("a stream that was broken off goes on at the revision that began it, wherever it is taken up again", async () => {
    const question = "How does a swarm vote on a new home?";
    for (const [here, there] of both()) {
      const whole = await listen(here.url, question);
      const first = await listen(here.url, question, { most: 5 });
      expect(first.words).toHaveLength(5);
      const pins = { "Revision-Pin": first.pin ?? "", "Last-Event-ID": "5" };
      const rest = await listen(there.url, question, { pins });
      expect([...first.words, ...rest.words]).toEqual(whole.words);
      expect(new Set(rest.words.map(({ by, model }) => `${by} ${model}`))).toEqual(
        new Set([`${here.revision} ${here.modelTag}`]),
      );
    }
  });

  it("without its pin it would go on with the words of another index", async () => {
    const question = "How many eggs does the queen lay in a day?";
    const { words } = await listen(r1.url, question, { most: 5 });
    const rest = await listen(r2.url, question, { pins: { "Last-Event-ID": "5" } });
    expect(words[0]?.by).toBe("r1");
    expect(rest.words[0]).toMatchObject({ id: 6, by: "r2" });
  });

  it("a document is taken once for its key, whichever revisions are asked; a refusal burns no key", async () => {
    const key = randomUUID();
    const add = (url: string, pins = {}) => addDocument(url, "Bees sleep.", key, pins);
    expect(await add(r2.url, { "Index-Hash": NOBODYS })).toMatchObject({ status: 412, code: "backend-behind" });
    expect(await add(r2.url, { "Index-Hash": r1.indexHash })).toMatchObject({
      status: 202,
      takenBy: "r1",
      replayed: false,
    });
    for (const { url } of [r1, r2]) {
      expect(await add(url)).toMatchObject({ status: 202, takenBy: "r1", replayed: true });
    }
    // What was not refused then is not refused now.
    expect(await add(r2.url, { "Index-Hash": NOBODYS })).toMatchObject({ status: 202, takenBy: "r1", replayed: true });
    expect(await documents()).toHaveLength(1);
  });

  it("after r1 has left, those who were built against its index are told to reload, and its streams that it is gone", async () => {
    const { pin = "" } = await listen(r1.url, "wax", { most: 1 });
    await r1.leave();
    const search2 = (pins: Record<string, string>) => search(r2.url, "wax", pins);
    expect(await search2({ "Index-Hash": r1.indexHash })).toMatchObject({
      ...{ status: 412, code: "client-behind", action: "reload", revision: "r2" },
    });
    expect(await search2({ "Revision-Pin": pin })).toMatchObject({ status: 412, code: "revision-gone" });
    expect(await listen(r2.url, "wax", { pins: { "Revision-Pin": pin } })).toMatchObject({ status: 412, words: [] });
    expect(await search2({ "Index-Hash": NOBODYS })).toMatchObject({ status: 412, code: "backend-behind" });
    expect(await search2({})).toMatchObject({ status: 200, revision: "r2" });
  });
});

test("its one command says who answered, before r1 leaves and after", async () => {
  const program = fileURLToPath(new URL("../rag-two-indexes/main.ts", import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [
    ...["--conditions", "onceover-src", "--import", "tsx", program],
  ]);
  expect(stderr).toBe("");
  const [before = "", after = ""] = stdout.split("r1 has left.");
  expect(before).toMatch(/index of r1 +200 {2}r1 hash-256/);
  expect(before).toMatch(/index of r2 +200 {2}r2 tfidf-512/);
  expect(before).toMatch(/said by r1 with hash-256\n/);
  expect(before).toMatch(/taken by r1, replayed/);
  expect(after).toMatch(/index of r1 +412 .*client-behind, reload/);
  expect(after).toMatch(/revision pin of r1 +412 .*revision-gone/);
});
