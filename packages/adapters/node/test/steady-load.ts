import { sleep } from "@onceover/test/wait";

/** Sends requests all the time, up to 300 at once, each with an id of its own. */
export function startLoad(send: (id: string) => Promise<boolean>) {
  const answered = new Set<string>();
  const unanswered: string[] = [];
  let isOn = true;
  let count = 0;
  const workers = Array.from({ length: 300 }, async () => {
    while (isOn) {
      const id = String(++count);
      if (await send(id).catch(() => false)) answered.add(id);
      else unanswered.push(id);
      await sleep(5);
    }
  });
  return {
    async stop() {
      isOn = false;
      await Promise.all(workers);
      return { answered, unanswered };
    },
  };
}
