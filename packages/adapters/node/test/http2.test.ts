import { connect, createServer, type Http2ServerRequest } from "node:http2";
import { createOnceover, memoryStore, SHARED_SCOPE } from "@onceover/core";
import { listen } from "@onceover/test/listen";
import { expect, it } from "vitest";
import { onceover } from "../src/index.js";

it("a listener of HTTP/2 is given HTTP/2's own request and response, and Node has nothing to warn of", async () => {
  const warnings: Error[] = [];
  const hear = (warning: Error) => void warnings.push(warning);
  process.on("warning", hear);
  const scope = (request: Http2ServerRequest) => [request.authority, SHARED_SCOPE.toString()];
  const once = createOnceover({ service: "node", revision: "r1", store: memoryStore(), scope });
  const listening = await listen(
    createServer(onceover(once, (request, response, run) => void response.end(`${run?.key} on ${request.stream.id}`))),
  );
  const session = connect(listening.url);
  const post = async (key: string) => {
    const stream = session.request({ ":method": "POST", "idempotency-key": key });
    return Buffer.concat(await stream.end("x").toArray()).toString();
  };
  expect([await post("k"), await post("k")]).toEqual(["k on 1", "k on 1"]);
  expect(JSON.parse(await post("k,k"))).toMatchObject({ code: "key-invalid" });
  session.destroy();
  await listening.close();
  process.off("warning", hear);
  expect(warnings).toEqual([]);
});
