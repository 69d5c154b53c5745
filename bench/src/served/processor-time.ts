/** Processor time of this process per request, in microseconds, while `work` goes through its requests. */
export async function cpuUsPerRequest(requests: number, work: () => Promise<void> | void): Promise<number> {
  const begunAt = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(begunAt);
  return (user + system) / requests;
}
