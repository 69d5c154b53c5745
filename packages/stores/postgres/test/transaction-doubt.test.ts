/** A connection that is lost while COMMIT is under way leaves its caller in doubt; these find out. */
import { startTcpProxy, type TcpProxy } from "@onceover/test/tcp-proxy";
import { until } from "@onceover/test/wait";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fateOf } from "../src/fate.js";
import type { Send } from "../src/send.js";
import { beginRun, rejection, usePostgresHouse } from "./transactions.js";

const given = usePostgresHouse();
const IMPATIENT_MS = 400;

let proxy: TcpProxy;
beforeEach(async () => {
  proxy = await startTcpProxy(given.house.server.port);
});
afterEach(() => proxy.close());

const far = () => ({ connectionString: `postgres://postgres@127.0.0.1:${proxy.port}/postgres` });

/** A client that does something of the test's own before it sends COMMIT. */
function atCommit(before: (client: pg.Client) => Promise<void>): new () => pg.Client {
  return class extends pg.Client {
    override query(...args: unknown[]): never {
      const send = () => (super.query as (...all: unknown[]) => Promise<unknown>)(...args);
      const [first] = args as [{ readonly text?: string }];
      if (first.text !== "COMMIT") return send() as never;
      return before(this).then(send) as never;
    }
  };
}

describe("a COMMIT whose answer is lost", () => {
  it.each(["cut", "silence"] as const)(
    "(%s) has committed: complete() finds the record and answers ok",
    async (how) => {
      const { store } = given.house.open(far(), 2000);
      const run = await beginRun(store);
      await run.pay();
      const lost = proxy.swallowNextReply("COMMIT", how);
      const completing = run.complete();
      await lost;
      expect(await completing).toBe("ok");
      expect(await given.house.effectsOf(run)).toBe(1);
      expect(await store.read(run.request.key)).toMatchObject({ outcome: "done" });
    },
  );

  it("because the connection broke before it left: complete() finds out that it was rolled back", async () => {
    const Client = atCommit(async (client) => {
      client.connection.stream.destroy();
    });
    const { store } = given.house.open({ Client }, 5000);
    const run = await beginRun(store);
    await run.pay();
    await rejection(run.complete(), "rolled-back");
    await rejection(run.complete(), "rolled-back");
    expect(await given.house.effectsOf(run)).toBe(0);
    expect(await store.read(run.request.key)).toEqual({ outcome: "none" });
  });

  it("while its backend is paused is in doubt, and stays so until the backend goes on and commits after all", async () => {
    let pid = 0;
    const Client = atCommit(async () => {
      process.kill(pid, "SIGSTOP");
    });
    const { store } = given.house.open({ Client }, IMPATIENT_MS);
    const run = await beginRun(store);
    await run.pay();
    pid = (await run.tx.query("SELECT pg_backend_pid() AS pid")).rows[0]?.pid;
    await rejection(run.complete(), "store-unavailable");
    await rejection(run.complete(), "store-unavailable");
    expect(await given.house.effectsOf(run)).toBe(0);
    process.kill(pid, "SIGCONT");
    await until("it is over", () =>
      run.complete().then(
        () => true,
        () => false,
      ),
    );
    expect(await given.house.effectsOf(run)).toBe(1);
    expect(await store.read(run.request.key)).toMatchObject({ outcome: "done" });
  });

  it.each(["before", "after"] as const)(
    "because the server was killed %s it: store-unavailable while it is down, and the truth once it is back",
    async (when) => {
      const { server } = given.house;
      const Client = atCommit(async () => {
        if (when === "before") await server.kill();
      });
      const { store } = given.house.open({ ...far(), Client }, IMPATIENT_MS);
      const run = await beginRun(store);
      await run.pay();
      const swallowed = when === "after" ? proxy.swallowNextReply("COMMIT", "silence") : undefined;
      const completing = run.complete().catch((error: { readonly code: string }) => error.code);
      await swallowed;
      if (when === "after") await server.kill();
      expect(await completing).toBe("store-unavailable");
      await server.restart();
      const told = async () => run.complete().catch((error: { readonly code: string }) => error.code);
      let truth = await told();
      await until("the server can be asked", async () => {
        truth = await told();
        return truth !== "store-unavailable";
      });
      expect(truth).toBe(when === "after" ? "ok" : "rolled-back");
      expect(await given.house.effectsOf(run)).toBe(when === "after" ? 1 : 0);
    },
  );
});

it("a COMMIT that is answered ROLLBACK, as that of a failed transaction is, has not committed", async () => {
  const Client = atCommit(async (client) => {
    await client.query("SELECT 1 / 0").catch(() => undefined);
  });
  const { store, pool } = given.house.open({ Client, max: 1 });
  const run = await beginRun(store);
  await run.pay();
  await rejection(run.complete(), "rolled-back");
  expect(await given.house.effectsOf(run)).toBe(0);
  expect(pool.idleCount).toBe(1);
});

describe("the fate of a transaction", () => {
  const lost = { xid: "900", key: "k", token: "t", settled: "SETTLED" };

  /** Answers a status and a record for each look, the last one for ever. */
  function answering(
    ...looks: readonly (readonly [status: string | null | Error, settled: boolean, recovering?: boolean])[]
  ): Send {
    let look = -1;
    return async ({ text }) => {
      if (text !== "SETTLED") look = Math.min(look + 1, looks.length - 1);
      const [status = null, settled = false, recovering = false] = looks[look] ?? [];
      if (status instanceof Error && text !== "SETTLED") throw status;
      const rows =
        text === "SETTLED"
          ? [{ settled: String(settled), recovering: String(recovering) }]
          : [{ status: status as string }];
      return { rows, sentMs: 0 };
    };
  }

  const failure = (code: string) =>
    new Error("Postgres failed", { cause: Object.assign(new Error("cause"), { code }) });
  const soon = () => performance.now() + 150;
  const patient = () => performance.now() + 60_000;

  it.each([
    ["its record is there, whatever its id says", ["committed", true], "committed"],
    ["its record is there, though the id was given anew and rolled back", ["aborted", true], "committed"],
    ["it was rolled back", ["aborted", false], "rolled-back"],
    ["it was lost in a crash, and its id not given anew", [failure("22023"), false], "rolled-back"],
    ["it is too old to be known", [null, false], "rolled-back"],
  ] as const)("is clear where %s", async (_, look, fate) => {
    expect(await fateOf(answering(look), lost, patient())).toBe(fate);
    expect(await fateOf(answering(["in progress", false], [failure("57P03"), false], look), lost, patient())).toBe(
      fate,
    );
  });

  it.each([
    ["it goes on", ["in progress", false]],
    ["a transaction of its id committed, and its record is not there", ["committed", false]],
    ["the server cannot be reached", [failure("57P03"), false]],
    ["a replica answers", ["aborted", false, true]],
  ] as const)("is not while %s", async (_, look) => {
    await rejection(fateOf(answering(look), lost, soon()), "store-unavailable");
  });
});
