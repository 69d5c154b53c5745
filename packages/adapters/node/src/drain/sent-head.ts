/** The head of the answer to an upgrade, as the application sends it, in however many pieces. */
export interface SentHead {
  /** Takes the next bytes in; gives back those that come behind the head. */
  take(bytes: Uint8Array): Uint8Array;
  /** `undefined` until the head is whole. */
  readonly status: number | undefined;
}

const END = "\r\n\r\n";
const NOTHING = new Uint8Array(0);

/** Follows one head. */
export function createSentHead(): SentHead {
  let text = "";
  let status: number | undefined;
  return {
    take(bytes) {
      if (status !== undefined) return bytes;
      const begunAt = text.length;
      text += Buffer.from(bytes).toString("latin1");
      const end = text.indexOf(END);
      if (end === -1) return NOTHING;
      status = Number(/^HTTP\/1\.\d (\d{3})/.exec(text)?.[1] ?? 0);
      text = text.slice(0, end);
      return bytes.subarray(end + END.length - begunAt);
    },
    get status() {
      return status;
    },
  };
}
