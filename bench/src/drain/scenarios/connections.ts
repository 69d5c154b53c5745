/** What becomes of connections that are open when SIGTERM comes. */

import { sleep, until } from "@onceover/test/wait";
import { requestText } from "../raw-client.js";
import { answeredOf, goodOf, type Scenario, settled, times, USUAL } from "../scenario.js";

/** How long a client that does not know yet keeps on as before. In milliseconds. */
const UNAWARE_MS = 100;

export const preconnected: Scenario = {
  ...USUAL,
  title: "preconnected sockets",
  measures: ({ preconnected }) =>
    `${preconnected} connections on which nothing was sent yet; each sends one request ${UNAWARE_MS} ms after SIGTERM: how many were answered.`,
  async run(site, { preconnected: count }) {
    const clients = await Promise.all(times(count, () => site.reach()));
    await settled(site);
    site.leave();
    await sleep(UNAWARE_MS);
    return answeredOf(
      await Promise.all(
        clients.map((client, id) => {
          client.write(requestText("GET", `/quick?id=${id}`));
          return client.answer();
        }),
      ),
    );
  },
};

export const slowPosts: Scenario = {
  ...USUAL,
  title: "slow POSTs in flight",
  measures: ({ posts }) => `${posts} POSTs that take 1 s, in flight at SIGTERM: how many were answered whole.`,
  async run(site, { posts }) {
    const clients = await Promise.all(times(posts, () => site.reach()));
    for (const [id, client] of clients.entries()) client.write(requestText("POST", `/slow?id=${id}`));
    await until("all POSTs are in flight", () => site.executed().size === posts);
    site.leave();
    return answeredOf(await Promise.all(clients.map((client) => client.answer())));
  },
};

export const lastPost: Scenario = {
  ...USUAL,
  title: "one long POST, and nobody else",
  measures: ({ lastPostMs }) =>
    `A POST that takes ${lastPostMs} ms, begun just before SIGTERM, so that its answer is the last thing to wait for.`,
  endsSoon: true,
  async run(site, { lastPostMs }) {
    const client = await site.reach();
    client.write(requestText("POST", `/slow?id=last&ms=${lastPostMs}`));
    await until("the POST is in flight", () => site.executed().has("last"));
    site.leave();
    return answeredOf([await client.answer()]);
  },
};

const PIPELINED = 5;

export const pipelined: Scenario = {
  ...USUAL,
  title: "pipelined requests",
  measures: ({ pipelines }) =>
    `${pipelines} connections with ${PIPELINED} POSTs of 1 s each in one write, all carried out at SIGTERM: on how many all answers came, in order.`,
  async run(site, { pipelines }) {
    const clients = await Promise.all(times(pipelines, () => site.reach()));
    for (const [at, client] of clients.entries()) {
      // The later a request, the shorter it takes: what comes in order was put in order.
      const targets = times(PIPELINED, (nth) => `/slow?id=${at}-${nth}&ms=${1000 - 100 * nth}`);
      client.write(targets.map((target) => requestText("POST", target)).join(""));
    }
    await until("all requests are in flight", () => site.executed().size === pipelines * PIPELINED);
    site.leave();
    const answered = await Promise.all(
      clients.map(async (client) => {
        const answers = await Promise.all(times(PIPELINED, () => client.answer()));
        return answers.filter((answer) => answer?.status === 200).length;
      }),
    );
    const requests = answered.reduce((sum, count) => sum + count, 0);
    const whole = answered.filter((count) => count === PIPELINED).length;
    return goodOf(whole, pipelines, whole === pipelines ? "" : `${requests} of ${pipelines * PIPELINED} answers`);
  },
};

const REST_AFTER_MS = 500;

export const halfSentHeads: Scenario = {
  ...USUAL,
  title: "half-sent heads",
  measures: ({ heads }) =>
    `${heads} requests whose head is half sent at SIGTERM, and its rest ${REST_AFTER_MS} ms later: how many were answered.`,
  async run(site, { heads }) {
    const clients = await Promise.all(times(heads, () => site.reach()));
    const halves = clients.map((_, id) => {
      const text = requestText("GET", `/quick?id=${id}`, "X-Half: 1234567890");
      return [text.slice(0, -16), text.slice(-16)] as const;
    });
    for (const [at, client] of clients.entries()) client.write(halves[at]?.[0] ?? "");
    await settled(site);
    site.leave();
    await sleep(REST_AFTER_MS);
    for (const [at, client] of clients.entries()) client.write(halves[at]?.[1] ?? "");
    return answeredOf(await Promise.all(clients.map((client) => client.answer())));
  },
};

/** As far as a client is away in a near network. In milliseconds. */
const NEAR_MS = 2;

export const idleBurst: Scenario = {
  ...USUAL,
  title: "burst on idle connections",
  measures: ({ idle }) =>
    `${idle} keep-alive connections that have had an answer and are idle; all send a request ${NEAR_MS} ms after SIGTERM, before they can have heard of anything: how many were answered.`,
  isHeavy: true,
  async run(site, { idle }) {
    const clients = await Promise.all(times(idle, () => site.reach()));
    await Promise.all(
      clients.map((client, id) => {
        client.write(requestText("GET", `/quick?id=before-${id}`));
        return client.answer();
      }),
    );
    site.leave();
    stayUnaware(NEAR_MS);
    for (const [id, client] of clients.entries()) client.write(requestText("GET", `/quick?id=${id}`));
    return answeredOf(await Promise.all(clients.map((client) => client.answer())));
  },
};

/** Lets time pass in which nothing is heard. */
function stayUnaware(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

const NEWCOMERS_OVER_MS = 500;

export const newcomers: Scenario = {
  ...USUAL,
  title: "new connections",
  measures: ({ newcomers }) =>
    `${newcomers} connections opened over ${NEWCOMERS_OVER_MS} ms after SIGTERM, each with one request: how many were answered.`,
  async run(site, { newcomers: count }) {
    site.leave();
    const answers = times(count, async (id) => {
      await sleep((id * NEWCOMERS_OVER_MS) / count);
      const client = await site.open();
      client?.write(requestText("GET", `/quick?id=${id}`, "Connection: close"));
      return client?.answer();
    });
    return answeredOf(await Promise.all(answers));
  },
};

export const nobody: Scenario = {
  ...USUAL,
  title: "nobody there",
  measures: () => "No connection at all: how long after SIGTERM the process ended.",
  async run(site) {
    site.leave();
    const { atMs } = await site.ended;
    return { text: `${((atMs - site.times().leaveMs) / 1000).toFixed(2)} s`, misses: [] };
  },
};
