import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { startHaproxy } from "@onceover/test/haproxy";
import { afterEach, describe, expect, it } from "vitest";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

type Behaviour = "answers" | "breaks off" | "hangs";

/** A server that answers with the length of the body, or leaves the client alone. */
async function serve(behaviour: Behaviour): Promise<{ readonly port: number; heard: number }> {
  const served = { port: 0, heard: 0 };
  const server: Server = createServer(async (request, response) => {
    let bytes = 0;
    for await (const chunk of request) bytes += (chunk as Buffer).length;
    served.heard += 1;
    if (behaviour === "answers") response.end(String(bytes));
    else if (behaviour === "breaks off") request.socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  served.port = (server.address() as AddressInfo).port;
  return served;
}

async function between(first: Behaviour, other: Behaviour) {
  const haproxy = await startHaproxy({ servers: ["a", "b"], timeoutMs: 300 });
  ends.push(() => haproxy.stop());
  const servers = [await serve(first), await serve(other)] as const;
  await haproxy.point("a", servers[0].port);
  await haproxy.point("b", servers[1].port);
  const post = async (body = "x".repeat(30_000)) => {
    const response = await fetch(`http://127.0.0.1:${haproxy.port}/`, { method: "POST", body });
    return { status: response.status, text: await response.text(), server: response.headers.get("Served-By") };
  };
  return { haproxy, servers, post };
}

describe("a HAProxy of a test's own", () => {
  it.each<Behaviour>(["breaks off", "hangs"])(
    "sends a POST again to the other server where one %s, body and all",
    async (fault) => {
      const { haproxy, servers, post } = await between(fault, "answers");
      const answers = [await post(), await post()];
      expect(answers).toEqual(Array(2).fill({ status: 200, text: "30000", server: "b" }));
      expect(servers[0].heard).toBeGreaterThan(0);
      const { retries, redispatches } = await haproxy.resent();
      expect(retries).toBe(servers[0].heard);
      expect(redispatches).toBe(servers[0].heard);
    },
  );

  it("gives all requests to the server that has all the weight, from the moment it has it", async () => {
    const { haproxy, post } = await between("answers", "answers");
    for (const [first, other] of [
      ["a", "b"],
      ["b", "a"],
    ] as const) {
      await haproxy.weigh({ [first]: 100, [other]: 0 });
      const answers = [await post("one"), await post("two"), await post("three")];
      expect(answers.map(({ server }) => server)).toEqual([first, first, first]);
    }
  });

  it("refuses a server that it was not told of", async () => {
    const { haproxy } = await between("answers", "answers");
    await expect(haproxy.weigh({ c: 1 })).rejects.toThrow(
      'HAProxy does not "set server all/c weight 1": No such server.',
    );
    await expect(haproxy.point("c", 1)).rejects.toThrow("HAProxy did not move c: No such server.");
  });
});
